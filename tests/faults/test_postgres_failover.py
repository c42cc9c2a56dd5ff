"""A standby takes over, with a history of its own that lacks the end of the primary's (I1, I2); a standby by mistake.

What was lost with the primary is lost. The new one gives out the same transaction ids again, so whatever the daemon
remembers of them would hide events: all of it has to be forgotten.
"""

import time
from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.engine.daemon import Daemon
from runbell.ops.schema import migrate
from support.answering import called, once, twice
from support.clones import promote, standby
from support.daemons import record, running, until
from support.postgres import private_server, psql
from support.processes import runbell
from support.relays import relay
from support.writers import GENEROUS_SECONDS, answer_time, compare, unanswered, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(300)
SENSOR = "import runbell\n\n@runbell.run_failure_sensor\ndef alert(context):\n    pass\n"


async def readiness(daemon: Daemon) -> bool:
    return daemon.ready


async def fetch(url: str, query: str) -> object:
    session = await asyncpg.connect(url)
    try:
        return await session.fetchval(query)
    finally:
        await session.close()


async def test_i1_i2_a_promoted_standby_that_lacks_the_end_of_the_primary() -> None:
    called.clear()
    with private_server(synchronous_commit="on", hot_standby="on") as primary:
        await migrate(primary.admin_url)
        with standby(primary) as follower:
            url = follower.admin_url
            async with relay(primary) as address, running(address.url("postgres"), once, twice) as daemon:
                async with writing(lambda: address.url("postgres")) as writers:
                    await until(lambda: reached(writers.committed, 60))
                # The end of the primary's history, which the daemon reads and answers and nobody else gets to know.
                caught_up = await fetch(primary.admin_url, "SELECT pg_current_wal_lsn()::text")
                behind = f"SELECT pg_last_wal_replay_lsn() >= '{caught_up}'"
                await until(lambda: fetch(url, behind))
                psql(url, "ALTER SYSTEM SET primary_conninfo = ''")
                psql(url, "SELECT pg_reload_conf()")
                await until(lambda: fetch(url, "SELECT count(*) = 0 FROM pg_stat_wal_receiver"))
                session = await asyncpg.connect(primary.admin_url)
                for number in range(200):
                    await record(session, f"lost{number}")
                await until(lambda: unanswered(primary.admin_url), lambda left: left <= 0)
                seen = await session.fetchval("SELECT pg_current_xact_id()::text::bigint")
                session.terminate()

                primary.stop("immediate")
                address.target = follower
                await until(lambda: readiness(daemon), lambda ready: not ready)
                await anyio.sleep(1)
                assert not daemon.ready, "it serves from a standby"
                promote(follower)
                silence = await answer_time(url, time.monotonic(), "first")
                assert await fetch(url, "SELECT pg_current_xact_id()::text::bigint") < seen
                async with writing(lambda: address.url("postgres")) as more:
                    await until(lambda: reached(more.committed, 100))
                events = await compare(url, {"first"} | more.committed)
    print(f"\nfailover: events {events}, answered {silence:.3f} s after the promotion; 200 were lost with the primary")

    assert silence < GENEROUS_SECONDS
    assert called["once", "lost199"] == 1


async def reached(committed: set[str], count: int) -> bool:
    return len(committed) >= count


async def test_i1_a_session_that_reaches_the_new_primary_beside_old_ones_ends_the_term() -> None:
    """Split brain: the old primary lives, the address has moved, and one session is made anew."""
    with private_server(synchronous_commit="on", hot_standby="on") as primary:
        await migrate(primary.admin_url)
        with standby(primary) as follower:
            async with relay(primary) as address, running(address.url("postgres"), once, twice) as daemon:
                await answer_time(primary.admin_url, time.monotonic(), "before")
                caught_up = await fetch(primary.admin_url, "SELECT pg_current_wal_lsn()::text")
                await until(lambda: fetch(follower.admin_url, f"SELECT pg_last_wal_replay_lsn() >= '{caught_up}'"))
                promote(follower)
                address.target = follower
                killed = await fetch(
                    primary.admin_url,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'runbell daemon%'",
                )
                assert killed
                # Rung by the old server it reads, and its pool opens a session on the other.
                session = await asyncpg.connect(primary.admin_url)
                await record(session, "beside")
                session.terminate()
                await until(lambda: ours(follower.admin_url), lambda count: count >= 4)
                await until(lambda: ours(primary.admin_url), lambda count: count == 0)
                await until(lambda: readiness(daemon))
                await answer_time(follower.admin_url, time.monotonic(), "after")
                await compare(follower.admin_url, ["before", "after"])


async def ours(url: str) -> int:
    found = await fetch(url, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'runbell %'")
    assert isinstance(found, int)
    return found


@pytest.mark.alone
async def test_a_standby_given_by_mistake_is_refused_at_start(tmp_path: Path) -> None:
    (tmp_path / "sensors.py").write_text(SENSOR)
    with private_server(hot_standby="on") as primary:
        await migrate(primary.admin_url)
        with standby(primary) as follower:
            began = time.monotonic()
            done = await anyio.to_thread.run_sync(
                lambda: runbell("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=follower.admin_url)
            )

    assert time.monotonic() - began < 15
    assert done.code == 4
    assert "hot standby" in done.stderr
    assert len(done.stderr.splitlines()) == 1
