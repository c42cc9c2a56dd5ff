"""A project of Dagster's with nothing of Runbell in it: jobs, a resource, and sensors by Dagster's own decorators."""

import dagster as dg


@dg.op
def load() -> None:
    raise ValueError("no space left")


@dg.op(config_schema={"limit": dg.Field(int, default_value=1)})
def nothing() -> None: ...


@dg.job(executor_def=dg.in_process_executor, tags={"team": "data"})
def good() -> None:
    nothing()


@dg.job(executor_def=dg.in_process_executor)
def bad() -> None:
    load()


@dg.job(executor_def=dg.in_process_executor)
def report() -> None:
    nothing()


@dg.job(executor_def=dg.in_process_executor)
def repair() -> None:
    nothing()


class Runbook(dg.ConfigurableResource):
    address: str


ALWAYS = {"default_status": dg.DefaultSensorStatus.RUNNING, "minimum_interval_seconds": 1}


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=[good], request_job=report, **ALWAYS)
def chain(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    run = context.dagster_run
    return dg.RunRequest(
        run_key=run.run_id,
        run_config={"ops": {"nothing": {"config": {"limit": 3}}}},
        tags={"upstream": run.run_id, "team": run.tags["team"], "event": context.dagster_event.event_type_value},
    )


@dg.run_failure_sensor(monitored_jobs=[bad], request_jobs=[repair, report], **ALWAYS)
def mend(context: dg.RunFailureSensorContext, runbook: Runbook):
    (step,) = context.get_step_failure_events()
    error = step.event_specific_data.error.cause
    found = {"step": step.step_key, "error": error.cls_name, "runbook": runbook.address}
    yield dg.RunRequest(run_key=f"repair-{context.dagster_run.run_id}", job_name="repair", tags=found)
    yield dg.RunRequest(job_name="report", tags={"message": context.failure_event.message})


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=[good], request_job=repair, **ALWAYS)
def count(context: dg.RunStatusSensorContext) -> dg.SensorResult:
    run_id = context.dagster_run.run_id
    stats = context.instance.get_run_stats(run_id)
    runs = context.instance.get_runs(dg.RunsFilter(run_ids=[run_id], statuses=[dg.DagsterRunStatus.SUCCESS]))
    found = {"steps": str(stats.steps_succeeded), "found": str(len(runs)), "job": runs[0].job_name}
    return dg.SensorResult(run_requests=[dg.RunRequest(run_key=f"{context.sensor_name}-{run_id}", tags=found)])


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=[report], request_job=report)
def never(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    return dg.RunRequest()


@dg.run_status_sensor(run_status=dg.DagsterRunStatus.STARTED, monitored_jobs=[good, bad], **ALWAYS)
def skipping(context: dg.RunStatusSensorContext) -> dg.SkipReason:
    return dg.SkipReason(f"{context.dagster_run.job_name} has begun")


@dg.sensor(job=report)
def files() -> dg.SkipReason:
    return dg.SkipReason("no files")


daily = dg.ScheduleDefinition(name="daily", job=report, cron_schedule="@daily")

defs = dg.Definitions(
    jobs=[good, bad, report, repair],
    sensors=[chain, mend, count, never, skipping, files],
    schedules=[daily],
    resources={"runbook": Runbook(address="wiki/repair")},
)
