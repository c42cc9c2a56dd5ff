"""Our names beside Dagster's own: each member has ours, each argument and attribute has its row in the docs' table."""

import inspect
import re

import dagster as dg
import pytest

import runbell as rb
from support import parity


@pytest.mark.parametrize("name", ["DagsterRunStatus", "DagsterEventType", "DefaultSensorStatus"])
def test_each_of_dagsters_members_is_equal_to_ours(name):
    theirs, ours = getattr(dg, name), getattr(rb, name)

    assert {*theirs.__members__} == {*ours.__members__}
    for their, our in zip(theirs, (ours[member.name] for member in theirs), strict=True):
        assert (their.name, their.value) == (our.name, our.value)
        assert their == our
        assert our == their
        assert (their != our) is (our != their) is False
        assert hash(their) == hash(our)
        assert {their: 1}[our] == {our: 1}[their] == 1


def arguments(function):
    return [*inspect.signature(function).parameters]


def attributes(kind):
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize(
    "names",
    [
        arguments(dg.run_status_sensor),
        arguments(dg.run_failure_sensor),
        arguments(dg.RunStatusSensorDefinition.__init__)[1:],
        attributes(dg.RunStatusSensorContext),
        attributes(dg.RunFailureSensorContext),
        arguments(dg.build_run_status_sensor_context),
        [name for name in arguments(dg.RunRequest.__new__)[1:] if name != "kwargs"],
        [name for name in arguments(dg.SensorResult.__new__)[1:] if name != "kwargs"],
    ],
)
def test_each_of_dagsters_arguments_and_attributes_has_its_row(names):
    items = " ".join(row.item for row in parity.read("dagster") if isinstance(row, parity.Row))

    assert {*names} - {*re.findall(r"\w+", items)} == set()


@pytest.mark.parametrize("name", ["DagsterRun", "DagsterEvent"])
def test_our_runs_and_events_have_dagsters_fields_in_its_order(name):
    from runbell.core.stand_ins import STAND_INS

    assert STAND_INS[name]._fields == getattr(dg, name)._fields


@pytest.mark.parametrize("name", ["JobSelector", "RepositorySelector", "CodeLocationSelector"])
def test_selectors_take_dagsters_arguments(name):
    ours, theirs = getattr(rb, name), getattr(dg, name)
    given = {"location_name": "a", "repository_name": "b", "job_name": "c"}
    given = {argument: given[argument] for argument in arguments(ours)}

    made = theirs(**given)

    assert {argument: getattr(made, argument) for argument in given} == given
    assert rb.run_status_sensor("SUCCESS", "it", monitored_jobs=[made])(lambda context: None).jobs == (
        rb.run_status_sensor("SUCCESS", "it", monitored_jobs=[ours(**given)])(lambda context: None).jobs
    )


def test_dagsters_own_objects_take_our_members():
    filters = rb.RunsFilter(job_name="etl", statuses=[rb.DagsterRunStatus.FAILURE])
    run = rb.DagsterRun(job_name="etl", run_id="r1", status=rb.DagsterRunStatus.FAILURE)
    event = rb.DagsterEvent(event_type_value=rb.DagsterEventType.RUN_FAILURE.value, job_name="etl", message="no")

    assert isinstance(filters, dg.RunsFilter)
    assert isinstance(run, dg.DagsterRun)
    assert event.event_type == rb.DagsterEventType.RUN_FAILURE
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(run)
        (found,) = instance.get_runs(filters=filters)
        assert found.status == rb.DagsterRunStatus.FAILURE
        assert instance.get_runs(dg.RunsFilter(statuses=[rb.DagsterRunStatus.QUEUED])) == []
        instance.report_run_failed(run, message="no")
        (entry,) = instance.all_logs("r1", of_type=rb.DagsterEventType.RUN_FAILURE)
        assert entry.dagster_event.event_type == rb.DagsterEventType.RUN_FAILURE
        kinds = {rb.DagsterEventType.RUN_FAILURE, rb.DagsterEventType.STEP_FAILURE}
        assert len(instance.get_records_for_run("r1", of_type=kinds).records) == 1
        assert len(instance.fetch_run_status_changes(rb.DagsterEventType.RUN_FAILURE, limit=5).records) == 1


def test_dagsters_own_decorators_take_our_members():
    @dg.run_status_sensor(
        run_status=rb.DagsterRunStatus.SUCCESS, default_status=rb.DefaultSensorStatus.RUNNING, name="theirs"
    )
    def theirs(context): ...

    assert theirs.default_status == rb.DefaultSensorStatus.RUNNING
