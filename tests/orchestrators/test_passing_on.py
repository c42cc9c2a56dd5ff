"""One changed line: `import runbell as dg` where `import dagster as dg` stood."""

from datetime import UTC, datetime

import dagster
import pytest

import runbell as dg
from runbell.sources.dagster.definitions import ANSWERED
from runbell.sources.dagster.translating import translated

pytestmark = pytest.mark.filterwarnings("default")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


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


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


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


def test_dagster_takes_our_members_for_its_own(instance):
    @dg.sensor(job=downstream, default_status=dg.DefaultSensorStatus.RUNNING)
    def files(context): ...

    result = downstream.execute_in_process(instance=instance)

    def found(status):
        return [run.run_id for run in instance.get_runs(dagster.RunsFilter(statuses=[status]))]

    assert files.default_status == dagster.DefaultSensorStatus.RUNNING
    assert (found(dg.DagsterRunStatus.SUCCESS), found(dg.DagsterRunStatus.FAILURE)) == ([result.run_id], [])
    assert len(instance.get_records_for_run(result.run_id, of_type=dg.DagsterEventType.RUN_SUCCESS).records) == 1
    assert len(instance.all_logs(result.run_id, of_type={dg.DagsterEventType.RUN_START})) == 1
    success = dg.DagsterRunStatus.SUCCESS
    assert dagster.deserialize_value(dagster.serialize_value(success)) == success == "SUCCESS"


def test_dagsters_other_sensors_and_schedules_may_answer_with_runbells_values():
    @dg.sensor(job=downstream)
    def files(context):
        yield dg.RunRequest(run_key="1", tags={"a": "b"}, asset_selection=["x", dg.AssetKey("y")])
        yield dg.RunRequest(run_key="2", job_name=downstream)

    @dg.schedule(job=downstream, cron_schedule="@daily")
    def daily(context):
        return dg.RunRequest(run_key="3") if context.scheduled_execution_time else dg.SkipReason("not yet")

    @dg.sensor(job=downstream)
    def resulting(context):
        return dg.SensorResult(run_requests=[dg.RunRequest(run_key="4")], cursor="5")

    evaluated = files.evaluate_tick(dg.build_sensor_context())
    assert [(request.run_key, type(request)) for request in evaluated.run_requests] == [
        ("1", dagster.RunRequest),
        ("2", dagster.RunRequest),
    ]
    assert evaluated.run_requests[0].asset_selection == [dagster.AssetKey("x"), dagster.AssetKey("y")]
    assert daily.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=NOON)).run_requests[0].run_key == "3"
    assert resulting.evaluate_tick(dg.build_sensor_context()).cursor == "5"


def test_a_retry_policy_is_whoses_arguments_it_is_given():
    @dg.op(retry_policy=dg.RetryPolicy(max_retries=3, delay=1))
    def flaky(): ...

    @dg.run_failure_sensor(retry=dg.RetryPolicy(attempts=3))
    def patient(context): ...

    assert flaky.retry_policy == dagster.RetryPolicy(max_retries=3, delay=1)
    assert patient.retry.attempts == 3
    assert isinstance(patient.retry, dg.RetryPolicy)
    assert isinstance(flaky.retry_policy, dg.RetryPolicy)


def test_selectors_reach_dagster_as_its_own():
    assert translated(dg.CodeLocationSelector("there")) == dagster.CodeLocationSelector("there")
    assert translated([dg.JobSelector(location_name="there", job_name="load")]) == [
        dagster.JobSelector(location_name="there", job_name="load")
    ]
