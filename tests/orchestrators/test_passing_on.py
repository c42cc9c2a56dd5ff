"""One changed line: `import runbell as dg` where `import dagster as dg` stood."""

import dagster
import pytest

import runbell as dg
from runbell.sources.dagster.definitions import ANSWERED

pytestmark = pytest.mark.filterwarnings("default")


@dg.op
def nothing(): ...


@dg.job
def downstream():
    nothing()


@dg.job
def upstream():
    nothing()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    monitored_jobs=[upstream],
    request_job=downstream,
    tags={"team": "data"},
    metadata={"runbook": "wiki"},
)
def chain(context):
    """Goes on with what has been loaded."""
    return dg.RunRequest()


@dg.run_failure_sensor
def alert(context): ...


def test_every_name_is_dagsters_that_is_not_runbells():
    assert dg.asset is dagster.asset
    assert dg.define_asset_job is dagster.define_asset_job
    assert dg.run_status_sensor is not dagster.run_status_sensor
    assert {name for name in dir(dagster) if not name.startswith("_")} <= set(dir(dg))
    with pytest.raises(AttributeError, match="neither 'runbell' nor 'dagster' has an attribute 'assett'"):
        _ = dg.assett


def test_names_can_be_imported_one_by_one():
    space = {}
    exec("from runbell import Definitions, MaterializeResult, run_failure_sensor", space)

    assert space["MaterializeResult"] is dagster.MaterializeResult
    assert space["Definitions"] is dg.Definitions


def test_dagster_loads_definitions_with_sensors_of_runbells_in_them():
    defs = dg.Definitions(sensors=[chain, alert], jobs=[upstream], resources={"a": 1})

    repository = defs.get_repository_def()
    seen = repository.get_sensor_def("chain")

    assert type(defs) is dagster.Definitions
    assert isinstance(defs, dg.Definitions)
    # A job that only a sensor names is loaded with it, as with Dagster's own.
    assert sorted(repository.job_names) == ["downstream", "upstream"]
    assert (seen.description, dict(seen.tags)) == (
        f"Goes on with what has been loaded.\n\n{ANSWERED}",
        {"team": "data"},
    )
    assert seen.metadata["runbook"].value == "wiki"
    assert (seen.default_status.value, seen.runbell_sensor) == ("STOPPED", chain)


def test_a_signpost_that_dagster_evaluates_says_who_answers_and_requests_nothing():
    defs = dg.Definitions(sensors=[chain])

    said = defs.resolve_sensor_def("chain").evaluate_tick(dg.build_sensor_context())

    assert (said.run_requests, said.skip_message) == ([], ANSWERED)


def test_signposts_stay_what_they_are_when_definitions_are_merged_and_resources_bound():
    @dg.op(required_resource_keys={"store"})
    def store(): ...

    @dg.job
    def storing():
        store()

    @dg.run_failure_sensor(request_job=storing)
    def repair(context): ...

    merged = dg.Definitions.merge(
        dg.Definitions(sensors=[repair], resources={"store": dg.ResourceDefinition.hardcoded_resource(1)}),
        dg.Definitions(jobs=[upstream]),
    )

    assert merged.get_repository_def().get_sensor_def("repair").runbell_sensor is repair
    assert [sensor.runbell_sensor for sensor in merged.sensors] == [repair]
    updated = merged.with_definition_metadata_update(lambda metadata: {**metadata, "by": "test"})
    assert updated.sensors[0].metadata["by"].value == "test"


def test_a_repository_may_hold_them_too():
    @dg.repository
    def listed():
        return [upstream, chain]

    @dg.repository(name="by_kind")
    def given_as_dict():
        return {"jobs": {"upstream": upstream}, "sensors": {"alert": alert}}

    assert listed.get_sensor_def("chain").runbell_sensor is chain
    assert (given_as_dict.name, given_as_dict.get_sensor_def("alert").runbell_sensor) == ("by_kind", alert)
