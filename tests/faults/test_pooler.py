"""Behind a transaction pooler, a real PgBouncer: nothing lost, nothing doubled, nothing left on other people's sessions
(I1, I2, I7), and answers as quick as polling allows. `ROUNDS=10` repeats what is short here."""

import os
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import anyio
import asyncpg
import pytest
from structlog.testing import capture_logs

from runbell.core.errors import StoreUnavailableError
from runbell.engine import tail
from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.store import bell
from runbell.store.connections import connect, connect_pool
from runbell.store.relayed import RelayedConnection
from support.answering import once, twice
from support.daemons import record, running, until
from support.poolers import Pooler, backends, pooler
from support.postgres import Server, psql
from support.processes import runbell, started
from support.relays import relay
from support.serving import serving
from support.writers import compare, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(600)
ROUNDS = int(os.environ.get("ROUNDS", "1"))
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
ASLEEP = "SELECT count(*) FROM pg_locks WHERE relation = 'runbell.bell'::regclass AND mode = 'ShareLock' AND granted"
LEFT = """
SELECT array_to_string(array_remove(ARRAY[
    (SELECT string_agg(name, ' ') FROM pg_prepared_statements),
    (SELECT string_agg(c, ' ') FROM pg_listening_channels() AS c),
    (SELECT string_agg(name, ' ') FROM pg_settings WHERE source = 'session' AND name !~ '^(client_enc|application_n)'),
    nullif(current_setting('application_name'), '')
], NULL), ' ')
"""


@pytest.fixture
def pooled(server: Server) -> Iterator[Pooler]:
    with pooler(server) as made:
        yield made


def through(made: Pooler, database_url: str) -> str:
    return made.url(urlsplit(database_url).path.removeprefix("/"))


@asynccontextmanager
async def quiet() -> AsyncIterator[list[dict[str, object]]]:
    """The log events of the body."""
    with capture_logs() as events:
        yield events


async def is_answered(session: Session, run_id: str) -> bool:
    return bool(
        await session.fetchval("SELECT EXISTS (SELECT FROM runbell.run_requests WHERE tags ->> 'run' = $1)", run_id)
    )


async def answer_times(session: Session, count: int, prefix: str, *, most: float = 0.3) -> list[float]:
    """Seconds from the commit of an event to the commit of its request, of single events at random moments."""
    chance = random.Random(5)
    times = []
    for number in range(count):
        await anyio.sleep(chance.uniform(0.0, most))
        await record(session, f"{prefix}{number}")
        began = time.monotonic()
        await until(lambda name=f"{prefix}{number}": is_answered(session, name), every=0.001)
        times.append(time.monotonic() - began)
    return times


def figures(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in milliseconds."""
    parts = quantiles(times, n=100)
    return parts[49] * 1000, parts[98] * 1000


async def refuse(*_: object) -> None:
    raise AssertionError("a LISTEN stays on a session that others use")


@pytest.mark.alone
async def test_it_polls_says_so_once_and_leaves_nothing_behind(
    database_url: str, connection: Session, pooled: Pooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RelayedConnection, "add_listener", refuse)
    url = through(pooled, database_url)
    async with quiet() as events, running(url, once, twice):
        times = await answer_times(connection, 100 * ROUNDS, "r")
        locks = await connection.fetchval(LOCKS)
        lock_keys = [row[0] for row in await connection.fetch("SELECT lock_key FROM runbell.daemons")]
        # A session that is cut begins a new term, which has no news.
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await answer_times(connection, 10, "again")
    left = await backends(url, LEFT)
    failed = [event for event in events if event["event"] == "listening_failed"]
    median, p99 = figures(times)
    print(f"\npolling: median {median:.1f} ms, p99 {p99:.1f} ms of {len(times)}; left on backends: {set(left)}")

    assert (locks, lock_keys) == (0, [None])
    assert set(left) == {""}
    assert len(failed) == 1
    assert "RUNBELL_LISTEN_URL" in failed[0]["remedy"]
    assert median < 200
    assert p99 < 200


@pytest.mark.alone
async def test_with_a_direct_address_to_listen_at_it_sleeps_and_is_rung(
    database_url: str, connection: Session, pooled: Pooler
) -> None:
    url = through(pooled, database_url)
    async with quiet() as events, running(url, once, twice, listen_url=database_url):
        await until(lambda: connection.fetchval(ASLEEP), lambda count: count == 1)
        times = await answer_times(connection, 100 * ROUNDS, "r")
        direct = await connection.fetch(
            "SELECT split_part(application_name, ' ', 2), state FROM pg_stat_activity"
            " WHERE application_name LIKE 'runbell %' AND datname = current_database()"
        )
        lock_keys = [row[0] for row in await connection.fetch("SELECT lock_key FROM runbell.daemons")]
    left = await backends(url, LEFT)
    median, p99 = figures(times)
    print(f"\nthrough RUNBELL_LISTEN_URL: median {median:.1f} ms, p99 {p99:.1f} ms of {len(times)}")

    assert {row[0] for row in direct} >= {"listener", "bell"}
    # The pooler's backends have our name only within our transactions.
    assert ("daemon", "idle") not in {tuple(row) for row in direct}
    assert None not in lock_keys
    assert set(left) == {""}
    assert not [event for event in events if event["event"] == "listening_failed"]
    assert median < 200


async def test_i1_i2_sessions_killed_behind_the_pooler_lose_and_double_nothing(
    database_url: str, connection: Session, pooled: Pooler
) -> None:
    url = through(pooled, database_url)
    chance = random.Random(11)
    killed = 0
    async with running(url, once, twice), writing(database_url) as writers:
        while killed < 30 * ROUNDS:
            await anyio.sleep(chance.uniform(0.02, 0.3))
            rows = await connection.fetch(
                "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a WHERE a.datname = current_database()"
                " AND a.pid <> pg_backend_pid() AND a.query !~ 'record_run_status' AND random() < 0.3"
            )
            killed += len(rows)
    async with running(url, once, twice):
        events = await compare(database_url, writers.committed)
    print(f"\nevents {events}, backends killed {killed}")

    assert set(await backends(url, LEFT)) == {""}


async def test_i1_i2_a_pooler_that_dies_and_comes_back_is_waited_for(
    database_url: str, connection: Session, pooled: Pooler
) -> None:
    url = through(pooled, database_url)
    async with running(url, once, twice), writing(database_url) as writers:
        for turn in range(3 * ROUNDS):
            await anyio.sleep(0.5)
            pooled.stop()
            await anyio.sleep(0.3)
            pooled.start()
            back_at = time.monotonic()
            await record(connection, f"after{turn}")
            await until(lambda name=f"after{turn}": is_answered(connection, name))
            print(f"\nanswered {time.monotonic() - back_at:.3f} s after the pooler was back")
    async with running(url, once, twice):
        await compare(database_url, writers.committed)


async def holder(session: Session) -> int | None:
    """The process that holds the lease."""
    return await session.fetchval(
        "SELECT d.pid FROM runbell.sensors AS s JOIN runbell.daemons AS d ON d.daemon_id = s.lease_holder"
    )


async def test_of_two_daemons_the_other_takes_over_after_the_lease_time(
    database_url: str, connection: Session, pooled: Pooler, tmp_path: Path
) -> None:
    """Without a session lock only the beat tells a death."""
    url = through(pooled, database_url)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with serving(tmp_path / "one", url) as one, serving(tmp_path / "two", url) as two:
        one.until("daemon_started")
        two.until("daemon_started")
        lock_keys = [row[0] for row in await connection.fetch("SELECT lock_key FROM runbell.daemons")]
        await record(connection, "before")
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"), lambda n: n == 1)
        holding = await holder(connection)
        # Alive, however long neither holds a lock that would tell so.
        await anyio.sleep(3)
        assert await holder(connection) == holding
        (victim,) = [made for made in (one, two) if holding in (made.process.pid, *children(made.process.pid))]
        kill_all(victim.process.pid)
        killed_at = time.monotonic()
        await record(connection, "after")
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"), lambda n: n == 2)
        took = time.monotonic() - killed_at
    print(f"\ntaken over {took:.1f} s after SIGKILL")

    assert set(lock_keys) == {None}
    assert took < 20


def children(pid: int) -> list[int]:
    """The processes below this one."""
    found = [int(text) for path in Path(f"/proc/{pid}/task").glob("*/children") for text in path.read_text().split()]
    return [*found, *(below for child in found for below in children(child))]


def kill_all(pid: int) -> None:
    for one in (pid, *children(pid)):
        os.kill(one, 9)


@pytest.mark.alone
async def test_i7_a_pooler_that_changes_its_mode_is_noticed_while_it_runs(
    server: Server, database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Direct at first; then the same session no longer hears, and nothing says so."""
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", 0.5)
    with pooler(server, pool_mode="session", default_pool_size="40") as made:
        async with quiet() as events, running(through(made, database_url), once, twice):
            await until(lambda: connection.fetchval(ASLEEP), lambda count: count == 1)
            await record(connection, "heard")
            await until(lambda: is_answered(connection, "heard"), seconds=0.4)
            # With its next statement, a beat, it loses its backend, which goes on listening for nobody.
            made.change(pool_mode="transaction")
            began = time.monotonic()
            times = []
            while not await told(events, "listening_failed"):
                assert time.monotonic() - began < 20
                times += await answer_times(connection, 1, f"unheard{len(times)}-")
            print(f"\nnoticed after {time.monotonic() - began:.1f} s, slow read at 0.5 s, slowest {max(times):.2f} s")
            polled = await answer_times(connection, 30, "polled")
        assert max(times) < 5
        assert max(polled) < 1


async def told(events: list[dict[str, object]], name: str) -> bool:
    return any(event["event"] == name for event in events)


async def test_i7_an_address_that_leads_through_a_pooler_from_one_moment_to_the_next(
    server: Server, database_url: str, connection: Session, pooled: Pooler
) -> None:
    dbname = urlsplit(database_url).path.removeprefix("/")
    async with relay(server) as address, quiet() as events:
        async with running(address.url(dbname), once, twice), writing(database_url) as writers:
            await until(lambda: connection.fetchval(ASLEEP), lambda count: count == 1)
            for target in (replace(server, folder=pooled.folder), server) * ROUNDS:
                address.target = target
                address.cut()
                await answer_times(connection, 10, f"{target.folder.name}-")
            await until(lambda: told(events, "listening_failed"))
            await until(lambda: connection.fetchval(ASLEEP), lambda count: count == 1)
        await compare(database_url, writers.committed)


async def test_a_pooler_in_session_mode_is_as_good_as_none(
    server: Server, database_url: str, connection: Session
) -> None:
    with pooler(server, pool_mode="session", default_pool_size="20") as made:
        async with quiet() as events, running(through(made, database_url), once):
            await until(lambda: connection.fetchval(ASLEEP), lambda count: count == 1)
            times = await answer_times(connection, 30, "r")
    print(f"\nbehind a session pooler: median {figures(times)[0]:.1f} ms")

    assert not await told(events, "listening_failed")


@pytest.mark.parametrize("round_robin", ["0", "1"])
async def test_whose_backend_it_is_is_known_before_anything_is_left_on_one(
    server: Server, database_url: str, round_robin: str
) -> None:
    with pooler(server, server_round_robin=round_robin) as made:
        url = through(made, database_url)
        pool = await connect_pool(url, role="pool", size=4)
        session = await connect(url, role="session")
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(pool.fetchval, "SELECT pg_sleep(0.05)")
        found = [await bell.keeps_backend(session, pool) for _ in range(20)]
        await pool.close()
        await session.close()

    assert set(found) == {False}


async def test_a_listen_url_that_leads_elsewhere_is_refused(database_url: str, server: Server) -> None:
    options = DaemonOptions(database_url=database_url, listen_url=server.admin_url, module="m", sensors=(once,))

    with pytest.raises(StoreUnavailableError, match="RUNBELL_LISTEN_URL, if it is set, must lead to the database of"):
        await Daemon(options).run()


def test_every_command_works_through_the_pooler(pooled: Pooler, server: Server, tmp_path: Path) -> None:
    psql(server.admin_url, "CREATE DATABASE commands")
    url = pooled.url("commands")
    asked = [["migrate"], ["migrate"], ["status", "--json"], ["sensors", "list"], ["requests", "list", "--json"]]
    done = [runbell(*words, RUNBELL_DATABASE_URL=url) for words in asked]
    assert [(one.code, one.stderr) for one in done] == [(0, "")] * len(asked)

    with (
        serving(tmp_path, url) as daemon,
        started("launch", "simulated", RUNBELL_DATABASE_URL=url, RUNBELL_LOG_FORMAT="json") as launcher,
    ):
        daemon.until("daemon_started")
        launcher.until("launcher_started")
        psql(server.url("commands"), "SELECT runbell.record_run_status('r1', 'j', 'SUCCESS', source => 'simulated')")
        launched = launcher.until("run_launched")
        assert daemon.end() == 0
        assert [line["event"] for line in launcher.lines if line["level"] == "warning"] == ["listening_failed"]
    assert launched["job_name"] == "next"
    assert psql(server.url("commands"), LOCKS).strip() == "0"
    # Its sessions are the pooler's by now.
    psql(server.admin_url, "DROP DATABASE commands WITH (FORCE)")
