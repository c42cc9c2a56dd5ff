"""What the README says is so: its commands exist, its settings are all there are, its examples work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from runbell.ops.cli import COMMANDS
from runbell.ops.settings import PREFIX, Settings
from support.commands import explained
from support.house import ROOT
from support.processes import runbell

README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUICK_START = [
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt '.[embedded]' && .venv/bin/runbell dev\n",
    "python3 -m venv .venv && .venv/bin/pip install -q -c constraints.txt -e '.[test]' && .venv/bin/pytest\n",
]


def blocks(kind: str, text: str = README) -> list[str]:
    return [body for found, body in BLOCK.findall(text) if found == kind]


def commands() -> list[list[str]]:
    """Each `runbell ...` that the documents show, as words, without what stands for something."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    inline = re.findall(r"`(runbell [^`]+)`", README + OPERATING)
    shown = [line.partition("#")[0].split() for line in [*lines, *inline] if line.startswith("runbell ")]
    return [words[1:] for words in shown]


def test_quick_start_has_exactly_the_two_commands():
    section = re.search(r"^## Quick start$(.*?)^## ", README, re.MULTILINE | re.DOTALL)

    assert section
    assert blocks("sh", section[1]) == QUICK_START


def test_every_setting_stands_in_the_table_and_nothing_else():
    shown = re.findall(r"^\| `(RUNBELL_\w+)` \|", README, re.MULTILINE)

    assert sorted(shown) == sorted(f"{PREFIX}{name.upper()}" for name in Settings.model_fields)


def test_the_defaults_in_the_table_are_those_of_the_settings():
    cells = dict(re.findall(r"^\| `RUNBELL_(\w+)` \| `([^` ]+)`[^|]*\|", README, re.MULTILINE))

    plain = {
        name.upper(): str(field.default).removesuffix(".0")
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, str | int | float)
    }
    assert {name: cells.get(name) for name in plain} == plain


def test_no_other_setting_is_named():
    named = set(re.findall(r"RUNBELL_[A-Z_]*[A-Z]", README + OPERATING))

    assert named <= {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize("words", sorted({tuple(words) for words in commands()}), ids=" ".join)
def test_every_command_that_is_shown_exists_with_its_options(words):
    said = []
    assert words[0] in COMMANDS
    for count in range(1, len(words) + 1):
        if words[count - 1].startswith("-"):
            break
        done = explained(*words[:count])
        if done.code == 0:
            said.append(done.stdout)

    known = set(re.findall(r"--[a-z-]+", " ".join(said)))
    assert {word for word in words if word.startswith("--")} <= known


def test_every_command_is_shown():
    assert set(COMMANDS) - {words[0] for words in commands()} == set()


def test_the_example_sensors_load_and_their_test_passes(tmp_path: Path):
    sensors, test = blocks("python")
    (tmp_path / "sensors.py").write_text(sensors)
    (tmp_path / "test_sensors.py").write_text(test)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", tmp_path],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert runbell("check", cwd=tmp_path).code == 0


async def test_the_sql_is_understood(connection):
    statements = [line.partition(" -- ")[0] for block in blocks("sql") for line in block.splitlines()]

    for statement in statements:
        await connection.execute(statement.strip())
    found = await connection.fetchrow("SELECT run_id, job_name, status FROM runbell.run_events")
    assert tuple(found) == ("42", "load_orders", "SUCCESS")


async def test_the_table_of_ones_own_can_be_attached_as_shown(database_url, connection):
    (line,) = [
        line for block in blocks("console") for line in block.splitlines() if line.startswith("runbell attach table")
    ]
    await connection.execute("CREATE SCHEMA jobs")
    await connection.execute("CREATE TABLE jobs.runs (id bigint PRIMARY KEY, state text, name text)")

    done = runbell(*line.split()[1:], RUNBELL_DATABASE_URL=database_url)

    assert done.code == 0, done.stderr
    await connection.execute("INSERT INTO jobs.runs VALUES (1, 'done', 'load_orders')")
    assert await connection.fetchval("SELECT status FROM runbell.run_events") == "SUCCESS"


def test_every_log_event_is_explained():
    named = set()
    for path in (ROOT / "service").rglob("*.py"):
        named |= set(re.findall(r'log\.(?:info|warning|error|exception)\(\s*"(\w+)"', path.read_text()))
    simulated = {name for name in named if name.startswith("simulated_")}

    assert {name for name in named - simulated if f"`{name}`" not in OPERATING} == set()
    assert {"daemon_started", "sensor_evaluated_many"} <= named


def test_links_lead_somewhere():
    for text, folder in ((README, ROOT), (OPERATING, ROOT / "docs")):
        targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in target]
        assert [target for target in targets if not (folder / target).exists()] == []
