"""A sensor's own time-out counts in place of the setting, for functions on the loop and in threads."""

import time

import anyio
import asyncpg

from runbell import RetryPolicy, RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection
ONCE = RetryPolicy(attempts=1)


async def test_i4_each_sensor_has_its_own_time(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", name="quick", timeout_seconds=0.2, retry=ONCE)
    async def quick() -> None:
        await anyio.sleep_forever()

    @run_status_sensor(run_status="SUCCESS", name="quick_in_a_thread", timeout_seconds=0.3, retry=ONCE)
    def quick_in_a_thread() -> None:
        time.sleep(2)

    @run_status_sensor(run_status="SUCCESS", name="slow", timeout_seconds=60.0, request_job="j")
    async def slow(context: RunStatusSensorContext) -> RunRequest:
        await anyio.sleep(2.0)
        return RunRequest(run_key="in time")

    @run_status_sensor(run_status="SUCCESS", name="usual", retry=ONCE)
    async def usual() -> None:
        await anyio.sleep_forever()

    async with running(database_url, quick, quick_in_a_thread, slow, usual, sensor_timeout_seconds=1.0):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["in time"].__eq__)
        rows = await until(lambda: evaluations(connection), lambda rows: len(rows) == 3)

    assert {row["sensor_name"] for row in rows} == {"quick", "quick_in_a_thread", "usual"}
    assert all("TimeoutError" in row["error"] for row in rows)
