"""Connections are cut, refused, and lost in the middle of a commit: nothing is lost, nothing doubled (I1, I2, I3, I7).

`ROUNDS=10` repeats what is short here.
"""

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import asyncpg
import pytest
import structlog

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.engine.daemon import Daemon
from runbell.ops.schema import migrate
from support.answering import called, once, twice
from support.daemons import record, requested_keys, running, until
from support.postgres import Server, private_server, psql
from support.processes import runbell
from support.relays import Fate, relay
from support.writers import GENEROUS_SECONDS, answer_time, compare, unanswered, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(900)
ROUNDS = int(os.environ.get("ROUNDS", "1"))

SENSOR = "import runbell\n\n@runbell.run_failure_sensor\ndef alert(context):\n    pass\n"
OURS = "application_name LIKE 'runbell %' AND datname = current_database()"


async def roles(session: Session) -> list[str]:
    """The kinds of session that a daemon holds: application names without what makes them one process's."""
    rows = await session.fetch(
        f"SELECT DISTINCT split_part(application_name, ' ', 2) FROM pg_stat_activity WHERE {OURS}"
    )
    return sorted(row[0] for row in rows)


async def kill(session: Session, condition: str) -> int:
    return len(
        await session.fetch(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS} AND {condition}")
    )


async def test_i1_i2_each_kind_of_session_killed_and_all_at_once(database_url: str, connection: Session) -> None:
    killed: dict[str, int] = {}
    silences: list[float] = []
    async with running(database_url, once, twice), writing(database_url) as writers:
        kinds = await until(lambda: roles(connection), lambda found: len(found) >= 3)
        for turn in range(3 * ROUNDS):
            for kind in [*kinds, "%"]:
                count = await kill(connection, f"application_name LIKE 'runbell {kind}%'")
                killed[kind] = killed.get(kind, 0) + count
                silences.append(await answer_time(database_url, time.monotonic(), f"{kind}-{turn}"))
        chance = random.Random(3)
        for _ in range(15 * ROUNDS):
            await anyio.sleep(chance.uniform(0.02, 0.2))
            await kill(connection, "random() < 0.3")
    async with running(database_url, once, twice):
        events = await compare(database_url, writers.committed)
    print(f"\nevents {events}, killed {killed}, longest silence {max(silences):.3f} s of {len(silences)}")

    assert all(killed.values())
    assert max(silences) < GENEROUS_SECONDS


def answers(number: int) -> bytes:
    """What only a settlement of this event's requests has in it."""
    return f'"run":"cut{number:03}"'.encode()


@pytest.mark.parametrize(("fate", "calls"), [("lose", 2), ("cut", None), ("cut at answer", 1)])
async def test_i2_i3_a_commit_whose_outcome_is_unknown_takes_effect_once(fate: Fate, calls: int | None) -> None:
    """Lost before the server had it: called again. Committed, with the answer lost: not called again."""
    called.clear()
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        async with relay(server) as address, running(address.url("postgres"), once, twice):
            session = await asyncpg.connect(url)
            for number in range(8 * ROUNDS):
                fates = [fate]
                address.fate = lambda data, n=number, left=fates: left.pop() if left and answers(n) in data else "pass"
                await record(session, f"cut{number:03}")
                await until(lambda: unanswered(url), lambda left: left <= 0)
                assert not fates
            await session.close()
            await compare(url, ())
    total = {run_id: called["once", run_id] for _, run_id in called}
    print(f"\n{fate}: calls of `once` for each event {sorted(total.values())}")

    if calls is not None:
        assert set(total.values()) == {calls}


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def keyed(context: RunStatusSensorContext) -> RunRequest:
    called["keyed", context.dagster_run.run_id] += 1
    return RunRequest(run_key=context.dagster_run.run_id)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
async def test_i2_i3_a_commit_that_is_on_its_way_when_the_connection_is_lost_is_waited_for(ending: str) -> None:
    """The server goes on with it, and does not know that nobody waits: its outcome comes before anything is read."""
    called.clear()
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        async with relay(server) as address, running(address.url("postgres"), keyed) as daemon:
            session, other = await asyncpg.connect(url), await asyncpg.connect(url)
            await record(session, "r0")
            await until(lambda: requested_keys(session), ["r0"].__eq__)
            # The settlement waits behind this, having locked the sensor's row.
            await other.execute("BEGIN")
            await other.execute("INSERT INTO runbell.run_keys VALUES ('keyed', 'r1', 0)")
            await record(session, "r1")
            waits = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'"
            settling = f"{waits} AND query LIKE '-- Settles%'"
            await until(lambda: session.fetchval(settling))
            address.cut()
            await until(lambda: readiness(daemon), lambda ready: not ready)
            # The next term is there, and waits for it.
            await until(lambda: session.fetchval(waits), lambda count: count > 1)
            assert called["keyed", "r1"] == 1
            await other.execute(ending)
            await record(session, "r2")
            expected = ["r0", "r2"] if ending == "COMMIT" else ["r0", "r1", "r2"]
            await until(lambda: requested_keys(session), lambda keys: len(keys) >= len(expected))
            assert await requested_keys(session) == expected
            await session.close()
            await other.close()

    assert set(called.values()) == {1}


async def readiness(daemon: Daemon) -> bool:
    return daemon.ready


@asynccontextmanager
async def crowd(url: str) -> AsyncIterator[list[Session]]:
    """Connections until the server takes no more."""
    sessions: list[Session] = []
    try:
        with suppress(asyncpg.TooManyConnectionsError):
            while True:
                sessions.append(await asyncpg.connect(url))
        yield sessions
    finally:
        for session in sessions:
            session.terminate()


async def record_at_once(url: str, count: int) -> None:
    """Read while others are committed: more than one of the daemon's sessions is needed."""
    session = await asyncpg.connect(url)
    for start in range(0, count, 50):
        await session.execute(
            "SELECT runbell.record_run_status('full' || $1 + n, 'job', 'SUCCESS') FROM generate_series(0, 49) AS n",
            start,
        )
    await session.close()


@run_status_sensor(run_status="SUCCESS", request_job="j", max_concurrent=16)
def asking(context: RunStatusSensorContext) -> None:
    """Asks the database itself, many at a time."""
    assert context.instance.get_run_by_id(context.dagster_run.run_id)


def service_url(server: Server) -> str:
    """The URL of a role that is no superuser: none of the reserved connections is for it."""
    psql(server.admin_url, "CREATE ROLE service LOGIN; CREATE ROLE crowd LOGIN;")
    psql(server.admin_url, "SELECT runbell.grant_access('service', 'service')")
    return server.url("postgres", user="service")


@pytest.mark.alone
async def test_a_server_without_free_connections_is_waited_for_and_needed_for_nothing(tmp_path) -> None:
    (tmp_path / "sensors.py").write_text(SENSOR)
    with private_server(synchronous_commit="on", max_connections="25") as server:
        await migrate(server.admin_url)
        url, crowded = service_url(server), server.url("postgres", user="crowd")
        admin = await asyncpg.connect(server.admin_url)
        async with crowd(crowded):
            began = time.monotonic()
            refused = await anyio.to_thread.run_sync(lambda: runbell("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=url))
            assert time.monotonic() - began < 15
        assert refused.code == 4
        assert "connection slots" in refused.stderr or "too many clients" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1

        async with running(url, once, twice, asking) as daemon:
            async with crowd(crowded):
                # With every connection taken by others it has what it needs.
                with structlog.testing.capture_logs() as logs:
                    await record_at_once(server.admin_url, 300)
                    await until(lambda: unanswered(server.admin_url), lambda left: left <= 0)
                assert [entry for entry in logs if entry["log_level"] == "warning"] == []
                assert daemon.ready
            for turn in range(2 * ROUNDS):
                await kill(admin, "true")
                async with crowd(crowded) as taken:
                    await until(lambda: anyio.to_thread.run_sync(lambda: daemon.ready), lambda ready: not ready)
                    await record(admin, f"refused{turn}")
                    await anyio.sleep(2)
                    assert not daemon.ready
                    assert taken
                silence = await answer_time(server.admin_url, time.monotonic(), f"again{turn}")
                print(f"\nanswered {silence:.3f} s after connections were free again")
                assert silence < GENEROUS_SECONDS
            await compare(server.admin_url, ())
        await admin.close()
