"""So many evaluations a minute: the others wait, none is lost, and nobody else waits with them."""

import time

import asyncpg
import pytest

from runbell import Retry, RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core import pacing
from runbell.engine import service
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


@pytest.fixture
def short_minute(monkeypatch: pytest.MonkeyPatch) -> float:
    """A minute that a test can wait for."""
    for module in (pacing, service):
        monkeypatch.setattr(module, "WINDOW_SECONDS", 1.0)
    return 1.0


async def test_no_more_begin_within_a_minute_and_none_is_lost(
    database_url: str, connection: Session, short_minute: float
) -> None:
    begun: list[float] = []
    order: list[str] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j", max_per_minute=3, max_concurrent=4)
    async def paced(context: RunStatusSensorContext) -> RunRequest:
        begun.append(time.monotonic())
        order.append(context.dagster_run.run_id)
        return RunRequest(run_key=context.dagster_run.run_id)

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def free(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    runs = [f"r{number}" for number in range(8)]
    async with running(database_url, paced, free):
        for run_id in runs:
            await record(connection, run_id)
        await until(lambda: requested_keys(connection, "free"), runs.__eq__)
        assert len(await requested_keys(connection, "paced")) < len(runs)
        await until(lambda: requested_keys(connection, "paced"), runs.__eq__)

    assert order == runs
    # Measured in the function, which is called a moment after it was allowed to begin.
    assert all(later - earlier > short_minute - 0.1 for earlier, later in zip(begun, begun[3:], strict=False))


async def test_a_retry_counts_too(database_url: str, connection: Session, short_minute: float) -> None:
    begun: list[float] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j", max_per_minute=1)
    def paced(context: RunStatusSensorContext) -> RunRequest:
        begun.append(time.monotonic())
        if len(begun) == 1:
            raise Retry(after=0)
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, paced):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["r1"].__eq__)

    assert begun[1] - begun[0] > short_minute - 0.1


async def test_i10_draining_does_not_wait_for_the_pace(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j", max_per_minute=1, max_concurrent=2)
    async def paced(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    # With the real minute: what has not begun is left, and the minute goes on counting at the next start.
    async with running(database_url, paced, shutdown_grace_seconds=30.0):
        for number in range(3):
            await record(connection, f"r{number}")
        await until(lambda: requested_keys(connection), ["r0"].__eq__)
        stopping = time.monotonic()
    assert time.monotonic() - stopping < 10

    @run_status_sensor(run_status="FAILURE", request_job="j")
    async def free(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, paced, free):
        await record(connection, "free", "FAILURE")
        await until(lambda: requested_keys(connection, "free"), ["free"].__eq__)
        assert await requested_keys(connection, "paced") == ["r0"]
        await connection.execute("UPDATE runbell.ticks SET settled_at = settled_at - interval '1 hour'")
    async with running(database_url, paced):
        await until(lambda: requested_keys(connection, "paced"), ["r0", "r1"].__eq__)


async def test_what_another_replica_began_counts_after_a_take_over(
    database_url: str, connection: Session, short_minute: float
) -> None:
    begun: list[float] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j", max_per_minute=2)
    async def paced(context: RunStatusSensorContext) -> RunRequest:
        begun.append(time.monotonic())
        return RunRequest(run_key=context.dagster_run.run_id)

    runs = [f"r{number}" for number in range(6)]
    async with running(database_url, paced) as first:
        for run_id in runs:
            await record(connection, run_id)
        await until(lambda: requested_keys(connection), lambda keys: len(keys) >= 2)
        async with running(database_url, paced):
            first.stop()
            await until(lambda: requested_keys(connection), runs.__eq__)

    assert await evaluations(connection) == []
    assert all(later - earlier > short_minute - 0.1 for earlier, later in zip(begun, begun[2:], strict=False))
