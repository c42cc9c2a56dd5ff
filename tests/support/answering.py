"""Sensors that answer every success, and count their calls; also read as the text of a sensors module."""

from collections import Counter

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor

# How often each sensor was called for each run, since `called.clear()`.
called: Counter[tuple[str, str]] = Counter()


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def once(context: RunStatusSensorContext) -> RunRequest:
    called["once", context.dagster_run.run_id] += 1
    return RunRequest(tags={"run": context.dagster_run.run_id})


@run_status_sensor(run_status="SUCCESS", request_job="j")
def twice(context: RunStatusSensorContext) -> list[RunRequest]:
    called["twice", context.dagster_run.run_id] += 1
    return [RunRequest(tags={"run": context.dagster_run.run_id}), RunRequest()]


# How many requests each of them makes for each run.
REQUESTS = {"once": 1, "twice": 2}
