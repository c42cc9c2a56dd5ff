"""A run and its events, under Dagster's names."""

import copy
import pickle

import pytest

from runbell import DagsterEventType, DagsterRunStatus, NotHereError
from runbell.core.dagster_events import STEP_FAILURE, DagsterEvent
from runbell.core.failures import JobFailureData
from runbell.core.runs import DagsterRun, RunFacts


def run(run_id="r1", **facts):
    return DagsterRun.of(RunFacts(run_id=run_id, source="sql", job_name="etl", status="SUCCESS", **facts))


def test_runs_of_the_same_facts_are_equal_and_say_what_they_are():
    assert run() == run()
    assert len({run(), run(), run("r2")}) == 2
    assert run() != "r1"
    assert repr(run()) == "DagsterRun(run_id='r1', job_name='etl', status='SUCCESS')"


def test_the_partition_key_is_the_column_or_else_the_tag():
    assert run(partition_key="2026-01-01", tags='{"dagster/partition": "other"}').partition_key == "2026-01-01"
    assert run(tags='{"dagster/partition": "other"}').partition_key == "other"
    assert run().partition_key is None


def test_a_runs_place_in_a_chain_of_retries_is_read_from_its_tags():
    assert run(tags='{"dagster/root_run_id": "r0"}').root_run_id == "r0"
    assert run().root_run_id is None


def test_the_failure_of_a_step_is_one_of_its_own_kind():
    failed = DagsterEvent(
        STEP_FAILURE, job_name="etl", run_id="r1", step_key="load", message="no", error='{"message": "no space left"}'
    )

    assert (failed.is_failure, failed.is_step_failure) == (True, True)
    assert failed.event_type == "STEP_FAILURE"
    assert failed.step_failure_data.error.message == "no space left"
    assert "step_key='load', message='no'" in repr(failed)


def test_a_runs_failure_is_no_steps_and_a_success_is_none():
    failed = DagsterEvent("PIPELINE_FAILURE", job_name="etl", run_id="r1")
    fine = DagsterEvent("PIPELINE_SUCCESS", job_name="etl", run_id="r1")

    assert (failed.is_failure, failed.is_step_failure) == (True, False)
    assert failed.job_failure_data is not None
    assert (fine.is_failure, fine.job_failure_data) == (False, None)


def test_a_run_is_made_by_hand_with_dagsters_arguments():
    made = DagsterRun(
        job_name="etl", run_id="r1", tags={"dagster/partition": "p1"}, status="FAILURE", asset_selection=None
    )

    assert (made.run_id, made.partition_key, made.is_failure, made.is_finished) == ("r1", "p1", True, True)
    assert (made.asset_selection, made.run_config, made.start_time) == (None, {}, None)
    assert DagsterRun("etl").status is DagsterRunStatus.NOT_STARTED
    with pytest.raises(TypeError, match="job: not among the fields of DagsterRun: job_name, run_id,"):
        DagsterRun("etl", job="etl")


def test_a_run_and_an_event_can_be_read_field_by_field():
    one = run(tags='{"team": "data"}', run_config='{"ops": {}}')
    event = DagsterEvent("STEP_FAILURE", "etl", step_key="graph.load[2]", run_id="r1")

    assert one._asdict() == dict(zip(one._fields, one, strict=True))
    assert one._asdict() | {"run_id": "r1", "tags": {"team": "data"}, "run_config": {"ops": {}}} == one._asdict()
    assert one._replace(run_id="r2").run_id == "r2"
    assert (one.run_id, one._replace(tags={}).tags, one.tags) == ("r1", {}, {"team": "data"})
    assert event._asdict()["step_key"] == "graph.load[2]"
    assert event._replace(message="no").message == "no"
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    with pytest.raises(TypeError, match="timestamp: not among the fields"):
        event._replace(timestamp=1)


def test_a_copy_of_a_run_has_another_status_or_other_tags():
    changed = run().with_status(DagsterRunStatus.FAILURE).with_tags({"dagster/will_retry": "true"})

    assert (changed.is_failure, changed.is_complete_and_waiting_to_retry) == (True, True)
    assert run().is_success
    assert not run(tags='{"dagster/will_retry": "true"}').is_complete_and_waiting_to_retry


@pytest.mark.parametrize(
    ("attribute", "tags", "value"),
    [
        ("is_resume_retry", '{"dagster/is_resume_retry": "true"}', True),
        ("is_partitioned", '{"dagster/asset_partition_range_start": "a"}', True),
        ("is_partitioned", "{}", False),
        ("previous_run_id", '{"dagster/parent_run_id": "r0"}', "r0"),
        ("failure_reason", '{"dagster/failure_reason": "STEP_FAILURE"}', "STEP_FAILURE"),
        ("failure_reason", "{}", None),
        ("pipeline_name", "{}", "etl"),
        ("is_cancelable", "{}", False),
        ("is_failure_or_canceled", "{}", False),
    ],
)
def test_what_a_run_says_of_itself(attribute, tags, value):
    assert getattr(run(tags=tags), attribute) == value


def test_what_a_run_or_an_event_does_not_have_is_named_and_looks_absent():
    with pytest.raises(NotHereError, match=r"^dagster_run\.owner is not here: Runbell records job_name, run_id, "):
        _ = run().owner
    with pytest.raises(NotHereError, match=r"^dagster_event\.materialization is not here"):
        _ = DagsterEvent("PIPELINE_START", "etl").materialization
    assert getattr(run(), "external_url", "none") == "none"


def test_an_event_is_made_by_hand_with_dagsters_arguments():
    data = JobFailureData(first_step_failure_event="the step")
    event = DagsterEvent(
        event_type_value="PIPELINE_FAILURE", job_name="etl", message="no", event_specific_data=data, pid=5
    )

    assert (event.message, event.pid, event.step_key, event.logging_tags) == ("no", 5, None, {})
    assert event.event_specific_data.first_step_failure_event == "the step"
    assert event.job_failure_data is event.pipeline_failure_data is data
    assert (event.is_run_failure, event.is_job_event, event.is_step_event) == (True, True, False)
    assert (event.is_job_failure, event.pipeline_name) == (True, "etl")


def test_a_steps_event_knows_its_node_and_its_tags():
    event = DagsterEvent("STEP_FAILURE", "etl", step_key="daily.load[2]", run_id="r1", error='{"message": "no"}')

    assert (event.node_name, str(event.node_handle), event.node_handle.root.name) == ("load", "daily.load", "daily")
    assert event.step_handle.to_key() == "daily.load[2]"
    assert event.step_handle.node_name == "load"
    assert event.logging_tags == {
        "run_id": "r1",
        "job_name": "etl",
        "step_key": "daily.load[2]",
        "op_name": "load",
    }
    assert event.event_specific_data.error_display_string == "no"
    assert (event.event_specific_data.error_source, event.asset_key) == (None, None)
    assert DagsterEvent("PIPELINE_START", "etl").node_name is None


def test_types_of_events_are_those_of_dagster():
    assert DagsterEvent("PIPELINE_FAILURE", "etl").event_type is DagsterEventType.RUN_FAILURE
    assert DagsterEvent("PIPELINE_CANCELED", "etl").is_failure
    assert DagsterEvent("PIPELINE_SUCCESS", "etl").is_job_success
    assert DagsterEvent("RUN_NOT_STARTED", "etl").event_type.name == "RUN_NOT_STARTED"
