"""Error handling: what a failed run left behind is cleaned up by another job."""

import runbell


@runbell.run_failure_sensor(monitored_jobs=["transform_orders"], request_job="cleanup_partial_data")
def clean_up_after_failure(context: runbell.RunFailureSensorContext) -> runbell.RunRequest:
    """Tells the cleaning job which run it cleans up after."""
    failed = context.dagster_run.run_id
    return runbell.RunRequest(run_key=failed, run_config={"failed_run": failed}, tags={"cleans_up_after": failed})
