"""I7: nothing depends on a ring; and while somebody sleeps, no ring is missed."""

import random

import anyio
import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.engine import tail
from support.daemons import record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


async def is_answered(session: Session, run_id: str) -> bool:
    return bool(await session.fetchval("SELECT EXISTS (SELECT FROM runbell.run_keys WHERE run_key = $1)", run_id))


async def test_i7_no_wake_up_is_missed_though_the_slow_read_is_switched_off(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Single events, timed so that they fall into the moment between the last empty read and the sleep."""
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", 3600.0)
    chance = random.Random(1)
    async with running(database_url, chain):
        for number in range(250):
            await anyio.sleep(chance.uniform(0.0, 0.012))
            # Right after a burst the daemon is awake and about to fall asleep.
            for extra in range(chance.randrange(3)):
                await record(connection, f"b{number}-{extra}")
            await record(connection, f"r{number}")
            await until(lambda run_id=f"r{number}": is_answered(connection, run_id), seconds=3, every=0.0005)


async def test_i7_lost_notifications_cost_latency_only(database_url: str, connection: Session) -> None:
    async with running(database_url, chain):
        await until(lambda: listening(connection))
        await connection.execute("SET runbell.bell = off")
        await record(connection, "unrung")
        assert not await is_answered(connection, "unrung")
        await connection.execute("SET runbell.bell = on")
        await record(connection, "rung")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2, seconds=5)


async def listening(session: Session) -> bool:
    """Is a daemon asleep, so that nothing but a ring wakes it?"""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks "
            "WHERE relation = 'runbell.bell'::regclass AND mode = 'ShareLock' AND granted)"
        )
    )


async def test_i7_an_event_that_rang_nobody_is_found_by_the_slow_read(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", 0.5)
    async with running(database_url, chain):
        await until(lambda: listening(connection))
        await connection.execute("SET runbell.bell = off")
        await record(connection, "unrung")
        await until(lambda: requested_keys(connection), ["unrung"].__eq__, seconds=3)


async def test_i7_rings_for_nothing_do_no_harm(database_url: str, connection: Session) -> None:
    async with running(database_url, chain):
        for number in range(20):
            for _ in range(50):
                await connection.execute("NOTIFY runbell_events, 'nonsense'")
            await record(connection, f"r{number:02}")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 20)

    assert await requested_keys(connection) == [f"r{number:02}" for number in range(20)]
