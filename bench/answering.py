"""The sensors module that `runbell serve` is measured with; what it declares is told by the environment.

BENCH_SENSORS: how many sensors (1). BENCH_MATCHING: so many of them, the first, want the events of the benchmarks; the
others want another job's, `other_1` and so on, and do nothing (all). BENCH_KIND: what a sensor does, by name
(request). BENCH_REACHING: `next`: each wants the job of its own number, `job_0` and so on (all).
"""

import asyncio
import os
import time

import runbell

COUNT = int(os.environ.get("BENCH_SENSORS", "1"))
MATCHING = int(os.environ.get("BENCH_MATCHING", COUNT))
KIND = os.environ.get("BENCH_KIND", "request")
OWN_JOBS = os.environ.get("BENCH_REACHING") == "next"
WAIT_SECONDS = 0.01
BURN_SECONDS = 0.002


async def request(context: runbell.RunStatusSensorContext) -> runbell.RunRequest:  # noqa: ARG001 - asks for nothing
    return runbell.RunRequest()


async def nothing(context: runbell.RunStatusSensorContext) -> None: ...


async def wait(context: runbell.RunStatusSensorContext) -> None:  # noqa: ARG001 - asks for nothing
    await asyncio.sleep(WAIT_SECONDS)


async def burn(context: runbell.RunStatusSensorContext) -> None:  # noqa: ARG001 - asks for nothing
    """Uses the processor, as parsing a large document would."""
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        pass


FUNCTIONS = {"request": request, "nothing": nothing, "wait": wait, "burn": burn}


def _sensor(number: int) -> runbell.Sensor:
    if OWN_JOBS:
        jobs = [f"job_{number}"]
    else:
        jobs = None if MATCHING == COUNT else ["a_job" if number < MATCHING else f"other_{number}"]
    declare = runbell.run_status_sensor(
        name=f"sensor_{number}",
        run_status=runbell.DagsterRunStatus.SUCCESS,
        monitored_jobs=jobs,
        request_job="follow_up",
    )
    return declare(FUNCTIONS[KIND] if number < MATCHING or OWN_JOBS else nothing)


globals().update({f"sensor_{number}": _sensor(number) for number in range(COUNT)})
