"""Alerting: says what failed, and where. A real one would send its line to a channel."""

import runbell


@runbell.run_failure_sensor
def alert_on_failure(context: runbell.RunFailureSensorContext) -> None:
    """Says that a run failed."""
    context.log.error('Job "%s" failed: %s', context.dagster_run.job_name, context.failure_event.message)


@runbell.run_failure_sensor(monitored_jobs=["transform_*", "extract_*"])
def name_the_failed_steps(context: runbell.RunFailureSensorContext) -> runbell.SkipReason | None:
    """Says which steps failed, each with what the user's code raised."""
    failures = context.get_step_failure_events()
    if not failures:
        return runbell.SkipReason(f"run {context.dagster_run.run_id} failed outside of its steps")
    for failure in failures:
        context.log.error("Step %s: %s", failure.step_key, what_was_raised(failure))
    return None


@runbell.run_status_sensor(run_status=[runbell.DagsterRunStatus.CANCELING, runbell.DagsterRunStatus.CANCELED])
def note_cancellation(context: runbell.RunStatusSensorContext) -> None:
    """Says that a run is being canceled, and again when it is."""
    context.log.warning('Job "%s" is %s', context.dagster_run.job_name, context.dagster_run.status.value)


def what_was_raised(failure) -> str:  # noqa: ANN001 - a step's failure, as the context gives it
    error = failure.event_specific_data.error
    if error is None:
        return failure.message or "no message"
    # Dagster wraps what the step raised in an error of its own, as its cause.
    return (error.cause or error).message.strip()
