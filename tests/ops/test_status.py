"""`runbell status` on a real server: each cause of a stall is made, and must be named."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from typing import TypeAlias

import anyio
import asyncpg
import msgspec
import pytest
from anyio import to_thread

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core import observations, stalls
from runbell.core.filters import Filter
from runbell.core.stalls import Cause
from runbell.ops.overview import Overview, read_overview
from runbell.store import stalls as looking
from support.daemons import record, running, until
from support.processes import environment, runbell

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stands still does so at once."""
    for name in ("OPEN_SECONDS", "STATEMENT_SECONDS", "BEHIND_SECONDS", "UNCLAIMED_SECONDS"):
        for module in (observations, stalls, looking):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, 0.05)


def found(overview: Overview) -> set[tuple[Cause, str]]:
    return {(stall.cause, stall.subject) for stall in overview.stalls}


async def deploy(session: Session, name: str = "alert") -> None:
    await session.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)"
        " VALUES ($1, 'sensors', true, $2, 0, pg_current_snapshot())",
        name,
        msgspec.json.encode(Filter(frozenset({"SUCCESS"})).to_dict()).decode(),
    )


async def test_a_transaction_that_holds_an_event_is_named_with_its_process(
    database_url: str, connection: Session
) -> None:
    writer = await asyncpg.connect(database_url, server_settings={"application_name": "nightly etl"})
    reader = await asyncpg.connect(database_url)
    try:
        async with writer.transaction(), reader.transaction():
            await record(writer, "r1")
            await reader.fetch("SELECT * FROM runbell.run_events")
            pid = await writer.fetchval("SELECT pg_backend_pid()")
            overview = await until(lambda: read_overview(connection), lambda seen: bool(found(seen)))
    finally:
        await writer.close()
        await reader.close()

    assert found(overview) == {(Cause.OPEN_TRANSACTION, str(pid))}
    assert "nightly etl of postgres" in overview.stalls[0].sentence
    assert found(await read_overview(connection)) == set()


async def test_another_users_transaction_shows_by_what_came_later(database_url: str, connection: Session) -> None:
    await connection.execute("CREATE ROLE looks LOGIN")
    try:
        await connection.execute("SELECT runbell.grant_access('looks', 'service')")
        writer = await asyncpg.connect(database_url)
        looking_one = await asyncpg.connect(database_url)
        await looking_one.execute("SET SESSION AUTHORIZATION looks")
        async with writer.transaction():
            await record(writer, "r1")
            pid = await writer.fetchval("SELECT pg_backend_pid()")
            assert await looking.list_event_writers(looking_one, 0.0) == []
            await record(connection, "r2")
            (seen_writer,) = await looking.list_event_writers(looking_one, 0.0)
        await writer.close()
        await looking_one.close()
    finally:
        await connection.execute("DROP OWNED BY looks; DROP ROLE looks")

    assert (seen_writer.name, seen_writer.prepared) == (str(pid), False)


async def test_a_prepared_transaction_is_named(database_url: str, connection: Session) -> None:
    name = f"left behind in {database_url[-12:]}"
    await connection.execute("SET runbell.bell = off")
    await connection.execute("BEGIN")
    await record(connection, "r1")
    await connection.execute(f"PREPARE TRANSACTION '{name}'")
    try:
        overview = await until(lambda: read_overview(connection), lambda seen: bool(found(seen)))
    finally:
        await connection.execute(f"ROLLBACK PREPARED '{name}'")

    assert found(overview) == {(Cause.PREPARED_TRANSACTION, name)}
    assert f"COMMIT PREPARED '{name}'" in overview.stalls[0].remedy


async def test_nobody_who_evaluates_or_launches_is_named(database_url: str, connection: Session) -> None:
    await deploy(connection)
    await record(connection, "r1")
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)"
        " VALUES ('alert', 1, 0, 'dagster', 'j')"
    )

    overview = await until(lambda: read_overview(connection), lambda seen: len(found(seen)) == 2)

    assert found(overview) == {(Cause.NO_OWNER, ""), (Cause.NOT_CLAIMED, "dagster")}
    await connection.execute(
        "INSERT INTO runbell.daemons (daemon_id, lock_key, module, offer, hostname, pid)"
        " VALUES (gen_random_uuid(), NULL, 'others', 'x', 'here', 42)"
    )
    assert found(await read_overview(connection)) == {
        (Cause.NO_OWNER, "alert"),
        (Cause.NOT_CLAIMED, "dagster"),
        (Cause.NOT_NOTIFIED, "pooler"),
    }


async def test_functions_that_are_slow_or_raise_are_named(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS")
    async def slow(context: RunStatusSensorContext) -> None:
        await anyio.sleep(60)

    @run_status_sensor(run_status="SUCCESS", request_job="next")
    def raises(context: RunStatusSensorContext) -> RunRequest:
        raise OSError("the channel is away")

    async with running(database_url, slow, raises, shutdown_grace_seconds=0.1):
        await record(connection, "r1")
        both = {(Cause.SLOW_FUNCTION, "slow"), (Cause.RAISING_FUNCTION, "raises")}
        overview = await until(lambda: read_overview(connection), lambda seen: found(seen) == both)

    assert any("OSError: the channel is away" in stall.sentence for stall in overview.stalls)


async def test_a_database_that_keeps_us_waiting_is_named_with_the_blocker(
    database_url: str, connection: Session
) -> None:
    blocker = await asyncpg.connect(database_url)
    waiter = await asyncpg.connect(database_url, server_settings={"application_name": "runbell daemon abc"})
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE runbell.ticks")
            pid = await blocker.fetchval("SELECT pg_backend_pid()")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(waiter.fetch, "SELECT count(*) FROM runbell.ticks")
                (statement,) = await until(lambda: looking.list_slow_statements(connection, 0.05))
                await blocker.execute("ROLLBACK; BEGIN")
    finally:
        await blocker.close()
        await waiter.close()

    assert (statement.role, list(statement.blockers)) == ("daemon abc", [pid])


async def test_the_screen_shows_first_what_needs_a_look(database_url: str, connection: Session) -> None:
    for name in ("a_quiet_one", "z_troubled"):
        await deploy(connection, name)
    await connection.execute(
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts) VALUES ('z_troubled', 1, 'dead', 10)"
    )

    told = await to_thread.run_sync(lambda: runbell("status", "--limit", "1", RUNBELL_DATABASE_URL=database_url))

    assert told.code == 0
    assert "! no daemon runs: nothing is evaluated" in told.stdout
    assert "start `runbell serve`" in told.stdout
    assert "z_troubled" in told.stdout
    assert "a_quiet_one" not in told.stdout
    assert "and 1 more: --limit 2" in told.stdout


async def test_it_can_be_watched_until_interrupted(database_url: str, connection: Session) -> None:
    await deploy(connection)

    code, screen = await to_thread.run_sync(watched, database_url, "alert")

    assert code == 0
    assert "no daemon runs" in screen


def watched(url: str, awaited: str) -> tuple[int, str]:
    """What `status --watch` shows on a terminal until `awaited` has been seen there; then it is interrupted."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "runbell", "status", "--watch"]
    shown, deadline = b"", time.monotonic() + 20
    with subprocess.Popen(
        command,
        env=environment(RUNBELL_DATABASE_URL=url, TERM="xterm", COLUMNS="200", LINES="50"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        while awaited.encode() not in shown and time.monotonic() < deadline:
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        code = process.wait(10)
    os.close(ours)
    return code, shown.decode(errors="replace")


async def test_watching_without_a_terminal_is_refused(database_url: str) -> None:
    told = await to_thread.run_sync(lambda: runbell("status", "--watch", RUNBELL_DATABASE_URL=database_url))

    assert (told.code, told.stdout) == (2, "")
    assert "--watch is for a terminal" in told.stderr
