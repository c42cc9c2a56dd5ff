"""The database goes away in every way: the daemon stays up, recovers, loses nothing and doubles nothing (I1, I2)."""

import random
import socket
import time
from collections import Counter

import anyio
import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.errors import StoreUnavailableError
from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.ops.schema import migrate
from support.daemons import record, requested_keys, running, until
from support.postgres import private_server

Session = asyncpg.Connection

OURS = "application_name LIKE 'runbell%' AND datname = current_database()"


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(tags={"run": context.dagster_run.run_id})


async def answered(session: Session) -> Counter[str]:
    rows = await session.fetch("SELECT tags ->> 'run' AS run_id FROM runbell.run_requests")
    return Counter(row["run_id"] for row in rows)


async def readiness(daemon: Daemon) -> bool:
    return daemon.ready


@pytest.mark.parametrize("role", ["runbell listener", "runbell bell", "runbell daemon"])
async def test_i7_losing_one_kind_of_session_loses_no_event(database_url: str, connection: Session, role: str) -> None:
    async with running(database_url, chain) as daemon:
        for number in range(10):
            killed = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name LIKE $1 || ' %' AND datname = current_database()",
                role,
            )
            run_id = f"r{number}"
            await record(connection, run_id)
            await until(lambda: answered(connection), lambda found, run_id=run_id: run_id in found, seconds=5)
            assert killed or number
        await until(lambda: readiness(daemon))

    assert set((await answered(connection)).values()) == {1}


async def test_i2_connections_killed_at_random_under_load_double_nothing(
    database_url: str, connection: Session
) -> None:
    chance = random.Random(7)
    killer = await asyncpg.connect(database_url)
    expected: set[str] = set()
    async with running(database_url, chain), anyio.create_task_group() as tasks:

        async def kill() -> None:
            while True:
                await anyio.sleep(chance.uniform(0.02, 0.25))
                await killer.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND random() < 0.5"
                )

        tasks.start_soon(kill)
        ends_at = time.monotonic() + 5
        while time.monotonic() < ends_at:
            run_id = f"r{len(expected)}"
            await record(connection, run_id)
            expected.add(run_id)
            await anyio.sleep(chance.expovariate(300))
        tasks.cancel_scope.cancel()
    async with running(database_url, chain):
        found = await until(lambda: answered(connection), lambda found: len(found) >= len(expected))
    await killer.close()

    assert set(found) == expected
    assert set(found.values()) == {1}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_i1_a_server_that_restarts_is_waited_for(mode: str) -> None:
    # The tests' servers forgive a lost tail of commits; a real one does not, and a place beyond its server is refused.
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        async with running(url, chain) as daemon:
            session = await asyncpg.connect(url)
            await record(session, "before")
            await until(lambda: answered(session), lambda found: "before" in found)
            server.stop(mode)  # type: ignore[arg-type]
            await until(lambda: readiness(daemon), lambda ready: not ready)
            server.start()
            back_at = time.monotonic()
            session = await asyncpg.connect(url)
            await record(session, "after")
            await until(lambda: answered(session), lambda found: "after" in found, seconds=5)
            print(f"\nanswered {time.monotonic() - back_at:.3f} s after the server was back")
            found = await answered(session)
            await session.close()

    assert found == {"before": 1, "after": 1}


async def test_a_database_that_is_away_at_start_ends_the_daemon_with_a_sentence() -> None:
    daemon = Daemon(DaemonOptions(database_url="postgresql://nobody@127.0.0.1:1/nothing", module="m", sensors=(chain,)))
    with pytest.raises(StoreUnavailableError):
        await daemon.run()


async def test_a_server_that_does_not_answer_holds_up_no_stop() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing"
        daemon = Daemon(DaemonOptions(database_url=url, module="m", sensors=(chain,)))
        with anyio.fail_after(5):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(daemon.run)
                caller, _ = await anyio.to_thread.run_sync(silent.accept)
                daemon.stop()
        caller.close()


async def test_i8_an_idle_daemon_holds_back_nobodys_vacuum(database_url: str, connection: Session) -> None:
    """No backend of ours waits in a statement or pins a snapshot, also beside a writer that stays open.

    But for those that watch a peer: each of their waits is a short one.
    """
    writer = await asyncpg.connect(database_url)
    async with running(database_url, chain), running(database_url, chain):
        await record(connection, "r1")
        transaction = writer.transaction()
        await transaction.start()
        await record(writer, "open")
        ages: list[int] = []
        ends_at = time.monotonic() + 3
        while time.monotonic() < ends_at:
            pinned = await connection.fetchval(
                f"SELECT max(age(backend_xmin)) FROM pg_stat_activity WHERE {OURS} AND state <> 'active'"
            )
            ages.append(pinned or 0)
            waiting = await connection.fetchval(
                f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'"
                " AND application_name NOT LIKE 'runbell watcher %'"
            )
            assert waiting == 0
            await anyio.sleep(0.05)
        await transaction.rollback()
    await writer.close()

    assert max(ages) == 0


async def test_writers_are_rung_for_only_while_the_daemon_sleeps(database_url: str, connection: Session) -> None:
    bell = "SELECT count(*) FROM pg_locks WHERE relation = 'runbell.bell'::regclass AND mode = 'ShareLock' AND granted"
    async with running(database_url, chain):
        await until(lambda: connection.fetchval(bell), lambda count: count == 1)
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), bool)
        await until(lambda: connection.fetchval(bell), lambda count: count == 1)

    # The session has been ended by its client; its backend goes a moment later.
    await until(lambda: connection.fetchval(bell), lambda count: count == 0)
