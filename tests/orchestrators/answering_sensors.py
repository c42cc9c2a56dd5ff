"""The sensors of this suite: each writes down what it was given, and requests a run."""

import json
import os

import runbell as rb


def note(context: rb.RunStatusSensorContext, **more: object) -> None:
    run = context.dagster_run
    stats = context.instance.get_run_stats(run.run_id)
    facts = {
        "sensor": context.sensor_name,
        "run_id": run.run_id,
        "job_name": run.job_name,
        "status": run.status.value,
        "event_type": context.dagster_event.event_type_value,
        "code_location": run.code_location,
        "tags": run.tags,
        "run_config": run.run_config,
        "partition_key": context.partition_key,
        "created": run.create_timestamp,
        "started": stats.start_time,
        "ended": stats.end_time,
        **more,
    }
    # One write to a file opened for appending: lines of threads do not mix.
    with open(os.environ["FACTS_FILE"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(json.dumps(facts) + "\n")


@rb.run_status_sensor(run_status=rb.DagsterRunStatus.SUCCESS, request_job="publish")
def on_success(context: rb.RunStatusSensorContext) -> rb.RunRequest:
    note(context)
    return rb.RunRequest(run_key=context.dagster_run.run_id)


@rb.run_failure_sensor(request_job="repair")
def on_failure(context: rb.RunFailureSensorContext) -> rb.RunRequest:
    steps = [
        {
            "step_key": event.step_key,
            "message": event.message,
            "error": event.event_specific_data.error.to_string(),
            "cause": event.event_specific_data.error.cause.cls_name,
        }
        for event in context.get_step_failure_events()
    ]
    failure = context.failure_event.event_specific_data
    run, instance = context.dagster_run, context.instance
    types = {rb.DagsterEventType.STEP_FAILURE, rb.DagsterEventType.RUN_FAILURE}
    note(
        context,
        message=context.failure_event.message,
        error=failure.error.to_string(),
        steps=steps,
        first_step=failure.first_step_failure_event.step_handle.node_handle.name,
        logged=[entry.dagster_event.event_type_value for entry in instance.all_logs(run.run_id, of_type=types)],
        known=[known.run_id for known in instance.get_runs(filters=rb.RunsFilter(job_name=run.job_name), limit=9)],
        recorded=instance.get_run_records(rb.RunsFilter(run_ids=[run.run_id]))[0].end_time,
    )
    return rb.RunRequest(run_key=context.dagster_run.run_id)


@rb.run_status_sensor(run_status=rb.DagsterRunStatus.STARTED)
def on_start(context: rb.RunStatusSensorContext) -> None:
    note(context)


@rb.run_failure_sensor(request_job="repair", monitored_tags={"dagster/max_retries": True}, only_final_failures=True)
async def on_last_failure(context: rb.RunFailureSensorContext) -> rb.RunRequest:
    return rb.RunRequest(run_key=context.dagster_run.run_id)
