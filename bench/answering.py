"""The sensors module that `runbell serve` is measured with: one async sensor, which requests one run for each event."""

import runbell


@runbell.run_status_sensor(run_status=runbell.DagsterRunStatus.SUCCESS, request_job="follow_up")
async def follow_up(context: runbell.RunStatusSensorContext) -> runbell.RunRequest:  # noqa: ARG001 - asks for nothing
    return runbell.RunRequest()
