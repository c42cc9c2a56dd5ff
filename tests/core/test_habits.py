"""Sensors as people write them for Dagster: what they look at, how they guard it, what they make of it."""

import json
import re

import pytest

import runbell as dg
from runbell.testing import evaluate

ERROR = {
    "message": "DagsterExecutionStepExecutionError: Error occurred\n",
    "cls_name": "DagsterExecutionStepExecutionError",
    "stack": ['  File "execute.py", line 3\n'],
    "cause": {"message": "OSError: no space left\n", "cls_name": "OSError", "stack": ['  File "op.py", line 9\n']},
}
FAILED = {
    "job_name": "etl",
    "run_id": "0f1e2d3c",
    "tags": {"dagster/partition": "2026-01-01", "dagster/schedule_name": "nightly", "owner": "data"},
    "run_config": {"ops": {"load": {"config": {"limit": 3}}}},
    "error": ERROR,
    "step_failures": {"etl.load": ERROR, "check": "no rows"},
    "started_at": 10.0,
    "ended_at": 70.0,
}


@pytest.fixture
def said():
    return []


def test_an_alert_with_everything_in_it(said):
    @dg.run_failure_sensor(name="rich", minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
    def rich(context: dg.RunFailureSensorContext):
        run, failure = context.dagster_run, context.failure_event
        message = (failure.message if failure else None) or "no message"
        steps = re.search(r"Steps failed: \[(.*)\]", message)
        data = failure.event_specific_data
        root = data.error
        while root is not None and root.cause is not None:
            root = root.cause
        first = data.first_step_failure_event if data else None
        stats = context.instance.get_run_stats(run.run_id)
        seconds = (stats.end_time or 0) - (stats.start_time or 0)
        said.append(
            {
                "job": run.job_name,
                "link": f"https://dagster.example/runs/{run.run_id}",
                "steps": [step.strip("' ") for step in steps[1].split(",")] if steps else [],
                "root": f"{root.cls_name}: {root.message.strip()}" if root else None,
                "first": first.step_handle.node_handle.name if first else None,
                "stack": "".join(first.event_specific_data.error.stack)[:200],
                "seconds": seconds,
                "limit": run.run_config.get("ops", {}).get("load", {}).get("config", {}).get("limit"),
                "owner": run.tags.get("owner", "nobody"),
                "schedule": dict(run.tags)["dagster/schedule_name"],
                "status": (run.status.value, run.status.name, run.status == dg.DagsterRunStatus.FAILURE),
                "type": failure.event_type_value,
                "step_key": failure.step_key,
                "partition": context.partition_key,
                "reason": getattr(run, "failure_reason", None),
                "ended": getattr(run, "end_time", None),
            }
        )
        context.log.info("sent %s", run.run_id)

    assert evaluate(rich, **FAILED).outcome == "acted"
    (alert,) = said
    assert alert["steps"] == ["etl.load", "check"]
    assert (alert["root"], alert["first"]) == ("OSError: OSError: no space left", "load")
    assert alert["stack"] == '  File "execute.py", line 3\n'
    assert (alert["seconds"], alert["ended"], alert["limit"], alert["owner"]) == (60.0, 70.0, 3, "data")
    assert alert["status"] == ("FAILURE", "FAILURE", True)
    assert (alert["type"], alert["step_key"]) == ("PIPELINE_FAILURE", None)
    assert (alert["partition"], alert["schedule"], alert["reason"]) == ("2026-01-01", "nightly", None)


def test_failed_steps_one_by_one(said):
    @dg.run_failure_sensor
    def each(context):
        for event in context.get_step_failure_events():
            if event.event_specific_data and event.event_specific_data.error:
                said.append(
                    (event.step_key, event.event_specific_data.error.to_string().splitlines()[0], event.message)
                )

    assert evaluate(each, **FAILED).outcome == "acted"
    assert said == [
        ("etl.load", "DagsterExecutionStepExecutionError: Error occurred", 'Execution of step "etl.load" failed.'),
        ("check", "no rows", 'Execution of step "check" failed.'),
    ]


def test_run_and_event_turned_into_json(said):
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS)
    def dumping(context):
        run, event = context.dagster_run._asdict(), context.dagster_event._asdict()
        said.append(
            json.loads(json.dumps({"run": run, "event": event, "text": str(context.dagster_event)}, default=str))
        )

    assert evaluate(dumping, job_name="etl", run_id="r1", tags={"a": "b"}).outcome == "acted"
    (dumped,) = said
    assert (dumped["run"]["run_id"], dumped["run"]["tags"], dumped["run"]["status"]) == ("r1", {"a": "b"}, "SUCCESS")
    assert dumped["event"]["event_type_value"] == "PIPELINE_SUCCESS"
    assert "PIPELINE_SUCCESS" in dumped["text"]


def test_nothing_is_started_while_the_target_is_active():
    @dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, request_job="report")
    def guarded(context):
        active = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
        if context.instance.get_runs(filters=dg.RunsFilter(job_name="report", statuses=active), limit=1):
            yield dg.SkipReason("it runs already")
            return
        latest = context.instance.get_run_records(
            filters=dg.RunsFilter(job_name="etl"), limit=1, order_by="end_time", ascending=False
        )
        for record in latest:
            yield dg.RunRequest(run_key=record.dagster_run.run_id, tags={"after": str(record.end_time)})

    (request,) = evaluate(guarded, job_name="etl", run_id="r1", ended_at=5.0).requests

    assert (request.run_key, request.tags["after"]) == ("r1", "5.0")


def test_a_status_sensor_that_looks_for_a_failure_event():
    @dg.run_status_sensor(run_status=[dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED])
    def either(context):
        return dg.SkipReason(context.failure_event.message if hasattr(context, "failure_event") else "canceled")

    assert evaluate(either, status="FAILURE", message="no space left").reason == "no space left"
    assert evaluate(either, status="CANCELED").reason == "canceled"


def test_the_log_of_a_run_is_searched_for_its_failures():
    @dg.run_failure_sensor
    def searching(context):
        types = {dg.DagsterEventType.STEP_FAILURE}
        page = context.instance.get_records_for_run(context.dagster_run.run_id, of_type=types)
        entries = [record.event_log_entry for record in page.records]
        assert [entry.dagster_event.event_type for entry in entries] == [dg.DagsterEventType.STEP_FAILURE] * 2
        return dg.SkipReason(", ".join(entry.dagster_event.step_key for entry in entries))

    assert evaluate(searching, **FAILED).reason == "etl.load, check"
