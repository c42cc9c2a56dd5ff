"""The database is restored into another cluster: places are rebased once, by one of the replicas (I1, I2, I3).

What was settled before is not called again, what was not is called, and no request is made twice.
`EVENTS=1000000` measures a bigger table.
"""

import os
import time
from collections import Counter

import anyio
import asyncpg
import pytest
import structlog

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.ops.schema import migrate
from runbell.store.server import rebase_places
from support import clones
from support.answering import REQUESTS, called, once, twice
from support.daemons import record, running, until
from support.postgres import Server, private_server, psql
from support.relays import relay
from support.writers import GENEROUS_SECONDS, answer_time, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(900)
EVENTS = int(os.environ.get("EVENTS", "100000"))
NAME = "runs"
SET_STATE = "UPDATE runbell.sensors SET state = $1, lease_epoch = lease_epoch + 1 WHERE sensor_name = 'stopped'"


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def stopped(context: RunStatusSensorContext) -> RunRequest:
    called["stopped", context.dagster_run.run_id] += 1
    return RunRequest()


async def prepare(server: Server) -> None:
    """A database with a history: answered events, some that wait, and a sensor that was stopped in between."""
    psql(server.admin_url, f"CREATE DATABASE {NAME}")
    url = server.url(NAME)
    await migrate(url)
    session = await asyncpg.connect(url)
    async with running(url, once, twice, stopped):
        for number in range(100):
            await record(session, f"old{number:03}")
        asked = "SELECT count(*) FROM runbell.run_requests"
        await until(lambda: session.fetchval(asked), lambda count: count == 400)
        await session.execute(SET_STATE, "stopped")
        for number in range(100, 150):
            await record(session, f"old{number:03}")
        await until(lambda: session.fetchval(asked), lambda count: count == 550)
    for number in range(150, 170):
        await record(session, f"waiting{number:03}")
    await session.close()


def rebased(logs: list[dict[str, object]]) -> list[dict[str, object]]:
    return [entry for entry in logs if entry["event"] == "places_rebased"]


async def test_i1_i2_i3_dumped_and_restored_into_another_cluster_under_running_replicas() -> None:
    called.clear()
    with (
        private_server(synchronous_commit="on") as old,
        private_server(synchronous_commit="on") as new,
        structlog.testing.capture_logs() as logs,
    ):
        # The old one has given out far more transaction ids: to the new one its places lie in the future.
        clones.burn_transactions(old, 5000)
        await prepare(old)
        before = Counter(called)
        async with relay(old) as address:
            url = address.url(NAME)
            await anyio.to_thread.run_sync(clones.copy_database, old, new, NAME)
            # Written by the orchestrator before any daemon has seen the new cluster.
            session = await asyncpg.connect(new.url(NAME))
            early = {f"early{number}" for number in range(20)}
            for run_id in sorted(early):
                await record(session, run_id)
            old.stop("immediate")
            address.target = new
            async with running(url, once, twice, stopped), running(url, once, twice, stopped):
                silence = await answer_time(new.url(NAME), time.monotonic(), "first")
                async with writing(new.url(NAME)) as writers:
                    await until(lambda: reached(writers.committed, 100))
                await compare_all(session, stopped_since=100)
                await session.execute(SET_STATE, "running")
                await compare_all(session, stopped_since=1000)
            await session.close()
    # What the stopped sensor was called for until it noticed is not settled.
    settled = {key for key in before if key[0] != "stopped" or key[1] < "old100"}
    repeated = {key: called[key] - before[key] for key in settled if called[key] > before[key]}
    print(
        f"\nrestored: answered {silence:.3f} s after the first start, repeated calls {len(repeated)}, {rebased(logs)}"
    )

    assert repeated == {}
    assert {run_id for _, run_id in called} >= early
    (entry,) = rebased(logs)
    assert entry["sensors"] == 3
    # 70 that the stopped sensor had not passed, of which 20 nobody had, and those written early.
    assert entry["unread"] == 90


async def test_i1_i2_a_running_daemon_waits_for_a_restore_to_be_finished() -> None:
    """No database, no schema, rows without triggers: it says each, and begins with none of them."""
    called.clear()
    with (
        private_server(synchronous_commit="on") as old,
        private_server(synchronous_commit="on") as new,
        structlog.testing.capture_logs() as logs,
    ):
        clones.burn_transactions(old, 2000)
        await prepare(old)
        async with relay(old) as address, running(address.url(NAME), once, twice, stopped) as daemon:
            session = await asyncpg.connect(old.url(NAME))
            asked = "SELECT count(*) FROM runbell.run_requests"
            await until(lambda: session.fetchval(asked), lambda count: count == 550 + 60)
            session.terminate()
            dump = await anyio.to_thread.run_sync(clones.dump, old, NAME)
            old.stop("immediate")
            address.target = new
            await until(lambda: said(logs, "does not exist"))
            psql(new.admin_url, f"CREATE DATABASE {NAME}")
            await until(lambda: said(logs, "not migrated"))
            for section in ("pre-data", "data"):
                await anyio.to_thread.run_sync(clones.restore, new, NAME, dump, section)
            await until(lambda: said(logs, "a restore is not finished"))
            assert not daemon.ready
            assert rebased(logs) == []
            await anyio.to_thread.run_sync(clones.restore, new, NAME, dump, "post-data")
            silence = await answer_time(new.url(NAME), time.monotonic(), "after")
            session = await asyncpg.connect(new.url(NAME))
            await compare_all(session, stopped_since=100)
            await session.close()
    print(f"\nrestored under a running daemon: answered {silence:.3f} s after the end of the restore")

    assert len(rebased(logs)) == 1
    assert {count for (name, _), count in called.items() if name != "stopped"} == {1}
    assert silence < GENEROUS_SECONDS


async def said(logs: list[dict[str, object]], what: str) -> bool:
    return any(what in str(entry.get("error")) for entry in logs)


async def reached(committed: set[str], count: int) -> bool:
    return len(committed) >= count


async def compare_all(session: Session, *, stopped_since: int) -> None:
    """Exactly the requests that there should be; the stopped sensor has answered only its first events."""
    events = [row[0] for row in await session.fetch("SELECT event_id FROM runbell.run_events ORDER BY event_id")]
    expected = {(name, event_id, n): 1 for event_id in events for name in REQUESTS for n in range(REQUESTS[name])}
    expected |= {("stopped", event_id, 0): 1 for event_id in events[:stopped_since]}
    asked = "SELECT sensor_name, event_id, ordinal FROM runbell.run_requests"

    async def found() -> Counter[object]:
        return Counter(tuple(row) for row in await session.fetch(asked))

    await until(found, lambda now: len(now) >= len(expected))
    now = await found()
    assert now == expected, (
        f"missing {list(expected.keys() - now.keys())[:9]}, too many {list((now - Counter(expected)).items())[:9]}"
    )


async def test_i1_i2_i3_a_physical_copy_with_another_identity_goes_on_where_it_was() -> None:
    called.clear()
    with private_server(synchronous_commit="on") as old, structlog.testing.capture_logs() as logs:
        await prepare(old)
        before = Counter(called)
        old.stop()
        with clones.physical_copy(old) as new:
            url = new.url(NAME)
            async with running(url, once, twice, stopped):
                await answer_time(url, time.monotonic(), "first")
                session = await asyncpg.connect(url)
                await compare_all(session, stopped_since=100)
                await session.close()
    settled = {key for key in before if key[0] != "stopped" or key[1] < "old100"}
    repeated = {key for key in settled if called[key] > before[key]}
    print(f"\nphysical copy: repeated calls {len(repeated)}, {rebased(logs)}")

    assert repeated == set()
    assert len(rebased(logs)) == 1


async def test_rebasing_takes_a_while_in_which_nobody_waits() -> None:
    """Prints how long; a writer beside it is never held up."""
    with private_server(synchronous_commit="on", fsync="on") as server:
        url = server.admin_url
        await migrate(url)
        async with running(url, once, twice):
            await answer_time(url, time.monotonic(), "first")
        session = await asyncpg.connect(url)
        for start in range(0, EVENTS, 10_000):
            await session.execute(
                "SELECT runbell.record_run_status('r' || n, 'job', 'SUCCESS') "
                "FROM generate_series($1::int, $2::int) AS n",
                *(start, min(start + 10_000, EVENTS) - 1),
            )
        await session.execute("UPDATE runbell.cluster SET system_identifier = 1")
        waits: list[float] = []
        began = time.monotonic()
        async with anyio.create_task_group() as tasks:
            done = anyio.Event()
            tasks.start_soon(measure_writes, url, done, waits)
            found = await rebase_places(session)
            took = time.monotonic() - began
            done.set()
        again = time.monotonic()
        await rebase_places(session)
        again = time.monotonic() - again
        await session.close()
    print(
        f"\n{found.events} events rebased in {took:.2f} s, {took / found.events * 100_000:.2f} s per 100,000; "
        f"{len(waits)} events recorded meanwhile, slowest {max(waits) * 1000:.0f} ms; asked again {again * 1000:.1f} ms"
    )

    assert found.events >= EVENTS
    assert max(waits) < 2


async def measure_writes(url: str, done: anyio.Event, waits: list[float]) -> None:
    session = await asyncpg.connect(url)
    while not done.is_set():
        began = time.monotonic()
        await record(session, f"beside{len(waits)}")
        waits.append(time.monotonic() - began)
        await anyio.sleep(0.01)
    await session.close()
