"""What the URL says changes while the daemon runs: another password, another one of two servers is the primary."""

import socket
from pathlib import Path

import asyncpg
import pytest

from runbell.ops.schema import migrate
from runbell.store.connections import connect
from runbell.store.url_files import UrlFromFile
from support.answering import once
from support.clones import promote, standby
from support.daemons import record, running, until
from support.postgres import SUPERUSER, private_server, psql
from support.writers import compare, writing

pytestmark = pytest.mark.timeout(300)
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'runbell%'"


async def test_a_password_that_is_changed_needs_no_restart(tmp_path: Path) -> None:
    with private_server(tcp=True, password="first") as server:
        secret = tmp_path / "url"
        secret.write_text(server.url("postgres"))
        await migrate(UrlFromFile.read(secret))
        local = f"postgresql://{SUPERUSER}@/postgres?host={server.folder}&port={server.port}"
        async with running(UrlFromFile.read(secret), once), writing(local, per_second=20) as writers:
            await until(lambda: answered(local, 10))
            for password in ("second", "third"):
                psql(local, f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'")
                assert int(psql(local, CUT)) > 2
                # The server first, the file later: in between nobody is let in.
                secret.write_text(server.url("postgres", password=password))
                before = int(psql(local, "SELECT count(*) FROM runbell.run_requests"))
                await until(lambda more=before + 10: answered(local, more))
        await compare(local, writers.committed, ["once"])


async def answered(url: str, count: int) -> bool:
    return int(psql(url, "SELECT count(*) FROM runbell.run_requests")) >= count


async def test_of_two_addresses_the_primary_is_followed() -> None:
    with private_server(synchronous_commit="on") as first:
        await migrate(first.admin_url)
        with standby(first) as second:
            hosts = f"host={second.folder},{first.folder}&port={second.port},{first.port}"
            url = f"postgresql://{SUPERUSER}@/postgres?{hosts}&target_session_attrs=read-write"
            async with running(url, once) as daemon:
                await one_more(first.admin_url, "before")
                await until(lambda: caught_up(first.admin_url))
                first.stop("immediate")
                promote(second)
                await one_more(second.admin_url, "after")
                assert daemon.ready
            assert psql(second.admin_url, "SELECT count(*) FROM runbell.run_requests").strip() == "2"


async def one_more(url: str, run_id: str) -> None:
    session = await asyncpg.connect(url)
    await record(session, run_id)
    asked = "SELECT EXISTS (SELECT FROM runbell.run_requests WHERE tags ->> 'run' = $1)"
    await until(lambda: session.fetchval(asked, run_id))
    await session.close()


async def caught_up(url: str) -> bool:
    """Has the standby replayed everything, and what a commit of ours may still add?"""
    behind = "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication"
    return psql(url, behind).strip() == "t"


async def test_a_peer_that_has_gone_without_a_word_is_noticed_soon() -> None:
    """Both sides ask for signs of life: a dead process's sessions, and its locks, are gone in well under a minute."""
    with private_server(tcp=True, password="secret") as server:
        session = await connect(server.url("postgres"), role="test")
        names = ("idle", "interval", "count")
        ours = [int(await session.fetchval(f"SHOW tcp_keepalives_{name}")) for name in names]
        unanswered = await session.fetchval("SHOW tcp_user_timeout")
        wire = session._transport.get_extra_info("socket")
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
        theirs = [wire.getsockopt(socket.IPPROTO_TCP, option) for option in options]
        asked = wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        await session.close()

    assert ours[0] + ours[1] * ours[2] < 30
    assert asked
    assert [*map(str, theirs)] == [*map(str, ours), unanswered] == ["10", "5", "3", "25000"]
