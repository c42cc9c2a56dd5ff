"""Watching the whole deployment: every job of every code location."""

import runbell


@runbell.run_status_sensor(
    run_status=[runbell.DagsterRunStatus.SUCCESS, runbell.DagsterRunStatus.FAILURE],
    monitor_all_code_locations=True,
)
async def watch_whole_deployment(context: runbell.RunStatusSensorContext) -> runbell.SkipReason | None:
    """Says how long each run took. As an `async def` it watches many runs at once."""
    stats = await context.instance.aget_run_stats(context.dagster_run.run_id)
    if stats.start_time is None or stats.end_time is None:
        return runbell.SkipReason("its times are not known")
    run, seconds = context.dagster_run, stats.end_time - stats.start_time
    context.log.info('Job "%s" ended with %s after %.1f s', run.job_name, run.status.value, seconds)
    return None
