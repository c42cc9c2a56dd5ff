"""I1: what is left of transactions over a crash, rows that come from elsewhere, ids beyond 32 bits."""

import time

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.engine import tail
from runbell.ops.schema import migrate
from support import clones, postgres
from support.answering import called, once, twice
from support.daemons import record, requested_keys, running, until
from support.postgres import private_server, psql
from support.writers import answer_time, compare, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(120)


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    called["chain", context.dagster_run.run_id] += 1
    return RunRequest(run_key=context.dagster_run.run_id)


async def test_i1_a_prepared_transaction_and_lost_ids_over_a_crash() -> None:
    """The prepared one outlives the crash and arrives when it is committed; ids that a sequence skips mean nothing."""
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        session = await asyncpg.connect(url)
        async with running(url, chain):
            await record(session, "before")
            await session.execute("SET runbell.bell = off")
            await session.execute("BEGIN")
            await record(session, "prepared")
            await session.execute("PREPARE TRANSACTION 'p1'")
            # Open at the crash: never there.
            await session.execute("BEGIN")
            await record(session, "undone")
            await until(lambda: keys(url), ["before"].__eq__)
            session.terminate()
            server.restart("immediate")
            session = await asyncpg.connect(url)
            ids = [await record(session, f"after{number}") for number in range(3)]
            await until(lambda: keys(url), lambda found: len(found) == 4)
            await session.execute("COMMIT PREPARED 'p1'")
            # Nobody rings at COMMIT PREPARED: the next event does, or the slow read finds it.
            await record(session, "ring")
            await until(lambda: keys(url), lambda found: len(found) == 6)
        assert await session.fetchval("SELECT count(*) FROM runbell.list_places_ahead()") == 0
        await session.close()
    print(f"\nids after the crash: {ids}")


async def keys(url: str) -> list[str]:
    session = await asyncpg.connect(url)
    try:
        return await requested_keys(session)
    finally:
        await session.close()


async def test_i1_transaction_ids_beyond_32_bits() -> None:
    with private_server(synchronous_commit="on") as server:
        server.stop()
        postgres._run("pg_resetwal", "--epoch=5", f"--pgdata={server.data}", folder=server.folder)
        server.start()
        url = server.url("postgres")
        await migrate(url)
        async with running(url, once, twice), writing(url) as writers:
            await answer_time(url, time.monotonic(), "first")
            server.restart("immediate")
            await answer_time(url, time.monotonic(), "second")
            writers.stop()
            await compare(url, writers.committed)
        session = await asyncpg.connect(url)
        assert await session.fetchval("SELECT max(xid::text::bigint) FROM runbell.run_events") > 5 * 2**32
        await session.close()


async def test_i1_rows_that_arrive_by_logical_replication(monkeypatch: pytest.MonkeyPatch) -> None:
    """They bring the transaction ids of another cluster, far above this one's, and get ids of their own."""
    called.clear()
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", 0.5)
    with private_server(wal_level="logical") as publisher, private_server() as subscriber:
        clones.burn_transactions(publisher, 5000)
        for server in (publisher, subscriber):
            await migrate(server.admin_url)
        there = await asyncpg.connect(publisher.admin_url)
        here = await asyncpg.connect(subscriber.admin_url)
        async with running(subscriber.admin_url, chain):
            for number in range(20):
                await record(there, f"copied{number:02}")
            psql(publisher.admin_url, "CREATE PUBLICATION events FOR TABLE runbell.run_events")
            await here.execute(
                "CREATE SUBSCRIPTION events "
                f"CONNECTION 'host={publisher.folder} port={publisher.port} user=postgres dbname=postgres' "
                "PUBLICATION events"
            )
            await until(lambda: requested_keys(here), lambda found: len(found) == 20, seconds=30)
            for number in range(20):
                await record(there, f"streamed{number:02}")
            await until(lambda: requested_keys(here), lambda found: len(found) == 40, seconds=30)
            now = await here.fetchval("SELECT pg_current_xact_id()::text::bigint")
            assert await here.fetchval("SELECT max(xid::text::bigint) FROM runbell.run_events") < now
            await here.execute("DROP SUBSCRIPTION events")
        await there.close()
        await here.close()

    assert set(called.values()) == {1}
