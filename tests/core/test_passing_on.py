"""Names that Runbell does not define: without Dagster they are missing, and importing Runbell loads none of it."""

import subprocess
import sys

import pytest

import runbell
from runbell.sources.dagster.names import passed_on, passed_on_names


@pytest.fixture
def no_dagster(monkeypatch):
    """A process in which Dagster is not installed."""
    monkeypatch.setitem(sys.modules, "dagster", None)


@pytest.mark.usefixtures("no_dagster")
def test_a_name_of_dagsters_is_missing_without_it_and_says_so():
    with pytest.raises(AttributeError, match=r"module 'runbell' has no attribute 'Definitions'.* not installed here"):
        _ = runbell.Definitions
    with pytest.raises(ImportError):
        exec("from runbell import Definitions", {})

    assert not hasattr(runbell, "asset")
    assert passed_on_names() == []
    assert {"run_status_sensor", "RunRequest"} <= set(dir(runbell))


@pytest.mark.usefixtures("no_dagster")
@pytest.mark.parametrize("name", ["engine", "ops", "__wrapped__", "_private"])
def test_private_names_and_modules_of_its_own_are_never_looked_for_in_dagster(name):
    with pytest.raises(AttributeError) as caught:
        _ = passed_on(name) if not name.startswith("_") else getattr(runbell, name)

    assert str(caught.value) == f"module 'runbell' has no attribute {name!r}"


def test_importing_loads_no_dagster_also_where_it_is_installed():
    code = "import sys, runbell\nfrom runbell import testing, run_failure_sensor\nprint('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
