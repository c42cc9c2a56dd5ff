"""What may import what, and what must not be loaded where."""

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from support.house import ROOT
from support.processes import python, runbell

HEAVY = ["asyncpg", "structlog", "uvloop", "anyio", "sqlalchemy", "alembic", "pydantic", "typer", "uvicorn"]


@pytest.mark.parametrize("module", ["runbell", "runbell.testing"])
def test_authoring_is_light(module):
    assert loaded(f"import {module}") == []


def test_the_command_line_is_listed_without_loading_the_commands():
    said = runbell_importing("--help")

    assert said
    assert not {"asyncpg", "structlog", "uvloop", "anyio", "sqlalchemy", "alembic", "pydantic"} & said


def test_serve_never_imports_alembic(empty_database_url, tmp_path: Path):
    (tmp_path / "sensors.py").write_text(
        "import runbell as dg\n\n\n@dg.run_failure_sensor\ndef on_failure(context): ...\n"
    )

    # As far as the check of the schema, which it refuses.
    said = runbell_importing("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=empty_database_url)

    assert {"asyncpg", "uvloop"} <= said
    assert not {"alembic", "sqlalchemy"} & said


def test_the_contracts_of_the_layers_are_kept():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_nothing_in_the_core_is_there_for_the_testing_kit_alone():
    graph = grimp.build_graph("runbell", cache_dir=None)
    importers = {
        module: graph.find_modules_that_directly_import(module) for module in graph.find_children("runbell.core")
    }
    kits = [module for module, by in importers.items() if by and all(one.startswith("runbell.testing") for one in by)]

    assert importers
    assert kits == []


def loaded(statement):
    return python(f"import sys\n{statement}\nprint(*(m for m in {HEAVY} if m in sys.modules))").split()


def runbell_importing(*arguments, **options):
    """The top-level modules that the command has imported by its end."""
    report = runbell(*arguments, PYTHONPROFILEIMPORTTIME="1", **options).stderr
    names = (line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:"))
    return {name.partition(".")[0] for name in names}
