"""What Dagster's daemon is measured with: one sensor, which requests one run for each run that succeeds."""

import dagster as dg


@dg.op
def nothing() -> None: ...


@dg.job
def upstream() -> None:
    nothing()


@dg.job
def follow_up() -> None:
    nothing()


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    request_job=follow_up,
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def answer(context: dg.RunStatusSensorContext) -> dg.RunRequest:
    return dg.RunRequest(run_key=context.dagster_run.run_id)


defs = dg.Definitions(jobs=[upstream, follow_up], sensors=[answer])
