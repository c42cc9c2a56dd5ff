"""A project of Dagster's with one changed line, its import: Dagster loads it as before, its sensors are Runbell's."""

from pathlib import Path

import dagster
import pytest

from runbell.ops.loading import load_sensors
from runbell.testing import evaluate

pytestmark = pytest.mark.filterwarnings("default")
PROJECT = (Path(__file__).parent / "compared_project.py").read_text()
FAILED = {"message": "Error", "cls_name": "DagsterError", "cause": {"cls_name": "ValueError", "message": "no space"}}


@pytest.fixture(scope="module")
def sensors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("changed")
    changed = PROJECT.replace("import dagster as dg\n", "import runbell as dg\n")
    assert changed != PROJECT
    (folder / "changed_project.py").write_text(changed)
    loaded = load_sensors(str(folder / "changed_project.py"))
    assert loaded.left == ("files", "daily")
    return {sensor.name: sensor for sensor in loaded.sensors}


def test_its_sensors_are_runbells_and_dagster_loads_signposts_for_them(sensors):
    import changed_project

    assert sorted(sensors) == ["chain", "count", "mend", "never", "skipping"]
    assert not any(sensor.is_native for sensor in sensors.values())
    repository = changed_project.defs.get_repository_def()
    assert {definition.name for definition in repository.sensor_defs} == {*sensors, "files"}
    assert {definition.sensor_type.value for definition in repository.sensor_defs} == {"STANDARD"}
    assert isinstance(changed_project.defs, dagster.Definitions)


def test_a_resource_of_its_definitions_reaches_the_function(sensors):
    found = evaluate(sensors["mend"], job_name="bad", run_id="r1", message="oh", step_failures={"load": FAILED})

    assert found.outcome == "requested", found.error
    assert [(request.job_name, request.run_key) for request in found.requests] == [
        ("repair", "repair-r1"),
        ("report", None),
    ]
    assert found.requests[0].tags | {"step": "load", "error": "ValueError", "runbook": "wiki/repair"} == (
        found.requests[0].tags
    )
