"""I8, I1: `run_events` locked exclusively for ten seconds beside a running daemon."""

import time

import anyio
import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.engine import reconciler
from runbell.sources import attaching
from support.daemons import requested_keys, running, until

Session = asyncpg.Connection
pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]
LOCKED_SECONDS = 10.0


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


async def attach_jobs(session: Session) -> None:
    await session.execute("CREATE TABLE jobs (id integer PRIMARY KEY, state text, name text)")
    await session.execute("INSERT INTO jobs SELECT n, 'started', 'etl' FROM generate_series(1, 100) AS n")
    settings = {"schema": "public", "table": "jobs", "id": "id", "status": "state", "job": "name"}
    await attaching.attach(session, attaching.Attachment(source="jobs", kind="table", settings=settings))


async def lock_events(url: str, *, task_status: anyio.abc.TaskStatus[None]) -> None:
    session = await asyncpg.connect(url)
    async with session.transaction():
        await session.execute("LOCK TABLE runbell.run_events IN ACCESS EXCLUSIVE MODE")
        task_status.started()
        await anyio.sleep(LOCKED_SECONDS)
    await session.close()


async def test_i8_events_locked_for_ten_seconds_delay_no_update_and_lose_nothing(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "WITH_TRIGGER_SECONDS", 2.0)
    await attach_jobs(connection)
    took: list[float] = []
    async with running(database_url, chain) as daemon, anyio.create_task_group() as tasks:
        await tasks.start(lambda *, task_status: lock_events(database_url, task_status=task_status))
        ends_at = time.monotonic() + LOCKED_SECONDS - 0.5
        while time.monotonic() < ends_at:
            began = time.monotonic()
            await connection.execute("UPDATE jobs SET state = 'success' WHERE id = $1", len(took) + 1)
            took.append(time.monotonic() - began)
            assert daemon.ready
            await anyio.sleep(0.4)
        expected = sorted(str(number) for number in range(1, len(took) + 1))
        await until(lambda: requested_keys(connection), lambda keys: sorted(keys) == expected, seconds=60)

    print(f"\n{len(took)} updates while run_events was locked: slowest {max(took) * 1000:.0f} ms")
    # The goal is 200 ms; the rest is for a machine that does something else as well.
    assert max(took) < 0.6
