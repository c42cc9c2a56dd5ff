"""How sensors are tested in Dagster works for Runbell's: with its instance, its runs and events, and no daemon."""

from types import SimpleNamespace
from uuid import uuid4

import dagster as dg
import pytest

import runbell
from runbell.testing import build_run_status_sensor_context


@dg.op
def load():
    raise ValueError("no such table")


@dg.job
def broken():
    load()


SENT = []


@runbell.run_failure_sensor
def alert(context):
    SENT.append((context.dagster_run.job_name, context.failure_event.message))
    SENT.append(context.instance.get_run_by_id(context.dagster_run.run_id).status)


@runbell.run_status_sensor(runbell.DagsterRunStatus.FAILURE, request_job="clean_up")
def ask_for_clean_up(context):
    runs = context.instance.get_runs(filters=dg.RunsFilter(job_name=context.dagster_run.job_name))
    yield runbell.RunRequest(run_key=context.dagster_run.run_id, tags={"runs": str(len(runs))})


@pytest.fixture
def context():
    SENT.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        yield build_run_status_sensor_context(
            sensor_name="alert",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        )


def test_a_sensor_is_called_for_a_run_that_dagster_has_executed(context):
    alert(context.for_run_failure())
    alert(context)

    assert SENT[:2] == SENT[2:]
    assert SENT[0] == ("broken", "Execution of run for \"broken\" failed. Steps failed: ['load'].")
    assert SENT[1] == runbell.DagsterRunStatus.FAILURE


def test_what_a_generator_yields_is_listed(context):
    (request,) = list(ask_for_clean_up(context))

    assert (request.run_key, request.tags) == (context.dagster_run.run_id, {"runs": "1"})


def test_the_instance_is_the_tests_own_also_where_it_answers_something_else(context):
    context.instance.get_runs = lambda **_: [1, 2, 3]
    (request,) = list(ask_for_clean_up(context))

    assert request.tags == {"runs": "3"}


def test_objects_made_by_hand_do(context):
    run = dg.DagsterRun(job_name="load", run_id=str(uuid4()), tags={"team": "a"}, status=dg.DagsterRunStatus.FAILURE)
    event = dg.DagsterEvent(event_type_value="PIPELINE_FAILURE", job_name="load", message="away")
    instance = SimpleNamespace(get_run_by_id=lambda _: run)
    alert(build_run_status_sensor_context("alert", event, instance, run))

    assert SENT == [("load", "away"), dg.DagsterRunStatus.FAILURE]
