"""A run and its events, under Dagster's names."""

from runbell.core.dagster_events import STEP_FAILURE, DagsterEvent
from runbell.core.runs import DagsterRun, RunFacts


def run(run_id="r1", **facts):
    return DagsterRun(RunFacts(run_id=run_id, source="sql", job_name="etl", status="SUCCESS", **facts))


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
