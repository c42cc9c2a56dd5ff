"""Three replicas, writers, launchers, and a random fault every few hundred milliseconds: exact sets at the end.

`FAULTS=300 EVENTS=200000` goes on until there were so many of both; `SEED` draws another storm.
"""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.ops import schema
from support.daemons import until
from support.postgres import Server, private_server
from support.relays import relay
from support.replicas import replicas
from support.storms import Storm, attach_jobs
from support.writers import LOST, writing

pytestmark = pytest.mark.timeout(3600)

FAULTS = int(os.environ.get("FAULTS", "40"))
EVENTS = int(os.environ.get("EVENTS", "5000"))
SEED = int(os.environ.get("SEED", "7"))
DATABASE = "postgres"
SENSORS = """
import asyncio, random, time
import runbell as dg

@dg.run_status_sensor(run_status="SUCCESS", request_job="j")
async def swift(context):
    return dg.RunRequest()

@dg.run_status_sensor(run_status="FAILURE", request_job="j")
async def waiting(context):
    await asyncio.sleep(random.random() * 0.05)
    return [dg.RunRequest(run_key=context.dagster_run.run_id), dg.RunRequest()]

@dg.run_status_sensor(run_status="FAILURE", request_job="j")
def plain(context):
    yield dg.RunRequest()

# Without growth: the sixth wait of the default would outlast the storm by minutes.
@dg.run_status_sensor(run_status="FAILURE", request_job="j", retry=dg.RetryPolicy(factor=1))
async def flaky(context):
    if random.random() < 0.2:
        raise RuntimeError("not this time")
    return dg.RunRequest()

@dg.run_status_sensor(run_status="QUEUED", request_job="j")
async def blocking(context):
    if context.dagster_run.run_id.startswith("block"):
        time.sleep(3600)
"""
EXPECTED = """
    SELECT e.event_id, t.sensor_name, t.ordinal
    FROM runbell.run_events AS e
    JOIN (
        VALUES ('SUCCESS', 'swift', 0), ('FAILURE', 'waiting', 0), ('FAILURE', 'waiting', 1),
            ('FAILURE', 'plain', 0), ('FAILURE', 'flaky', 0)
    ) AS t (status, sensor_name, ordinal) ON t.status = e.status
"""
FOUND = "SELECT q.event_id, q.sensor_name, q.ordinal FROM runbell.run_requests AS q"
LOST_ONES = f"SELECT count(*) FROM ({EXPECTED} EXCEPT {FOUND}) AS l"
# Rows of the table that are counted, not sets: the same request twice counts twice.
DOUBLED_ONES = f"SELECT count(*) FROM ({FOUND} EXCEPT ALL {EXPECTED}) AS d"
MISSING = f"""
    SELECT l.event_id, l.sensor_name, l.ordinal, e.run_id, v.state, v.attempts, v.due_at, v.error, s.position, s.upper,
        s.lease_holder, s.apart
    FROM ({EXPECTED} EXCEPT {FOUND}) AS l
    JOIN runbell.run_events AS e USING (event_id)
    JOIN runbell.sensors AS s USING (sensor_name)
    LEFT JOIN runbell.evaluations AS v USING (sensor_name, event_id)
    LIMIT 20
"""
COUNTS = """
    SELECT
        (SELECT count(*) FROM runbell.run_events) AS events,
        (SELECT sum(t.requested + t.acted + t.skipped + t.failed) FROM runbell.ticks AS t) AS evaluations,
        (SELECT count(*) FROM runbell.run_requests) AS found,
        (SELECT count(*) FROM runbell.run_requests WHERE state = 'launched') AS launched,
        (SELECT count(*) FROM runbell.evaluations WHERE state = 'dead' AND sensor_name <> 'blocking') AS dead
"""
# Status changes of the attached table that no event tells of, or more than one.
CAPTURED_WRONGLY = """
    SELECT count(*)
    FROM public.jobs AS j
    WHERE j.status = 'SUCCESS' AND (
        SELECT count(*) FROM runbell.run_events AS e
        WHERE e.source = 'jobs' AND e.run_id = j.id AND e.status = 'SUCCESS'
    ) <> 1
"""


async def fail_runs(url: str, stop: anyio.Event, committed: set[str]) -> None:
    """A writer of failures, several in a transaction now and then."""
    chance, number = random.Random(SEED + 1), 0
    while not stop.is_set():
        with suppress(*LOST):
            session = await asyncpg.connect(url, timeout=2, command_timeout=5)
            try:
                while not stop.is_set():
                    names = [f"f{number + more}" for more in range(chance.choice([1, 1, 1, 5]))]
                    number += len(names)
                    async with session.transaction():
                        for name in names:
                            await session.execute("SELECT runbell.record_run_status($1, 'job', 'FAILURE')", name)
                    committed.update(names)
                    await anyio.sleep(chance.expovariate(20))
            finally:
                session.terminate()
        await anyio.sleep(0.05)


async def work_on_jobs(url: str, stop: anyio.Event) -> None:
    """An orchestrator that knows nothing of Runbell: its jobs are queued, and succeed later."""
    number = 0
    while not stop.is_set():
        with suppress(*LOST):
            session = await asyncpg.connect(url, timeout=2, command_timeout=5)
            try:
                while not stop.is_set():
                    number += 1
                    await session.execute("INSERT INTO public.jobs VALUES ($1, 'nightly', 'STARTED')", f"job-{number}")
                    await anyio.sleep(0.03)
                    await session.execute("UPDATE public.jobs SET status = 'SUCCESS' WHERE id = $1", f"job-{number}")
            finally:
                session.terminate()
        await anyio.sleep(0.05)


async def launch(url: str, name: str, stop: anyio.Event, launched: Counter[int]) -> None:
    """A launcher that dies now and then between taking a request and saying that it is launched."""
    chance = random.Random(name)
    while not stop.is_set():
        with suppress(*LOST):
            session = await asyncpg.connect(url, timeout=2, command_timeout=5)
            try:
                while not stop.is_set():
                    await launch_some(session, name, chance, launched)
                    await anyio.sleep(0.05)
            finally:
                session.terminate()
        await anyio.sleep(0.05)


async def launch_some(session: asyncpg.Connection, name: str, chance: random.Random, launched: Counter[int]) -> None:
    claim = "SELECT request_id, attempts FROM runbell.claim_run_requests($1, 200, '2 seconds')"
    complete = "SELECT runbell.complete_run_request($1, $2, $3)"
    for request_id, attempt in await session.fetch(claim, name):
        if chance.random() < 0.001:
            return
        if await session.fetchval(complete, request_id, attempt, f"launched-{request_id}"):
            launched[request_id] += 1


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Storm]:
    """A server that keeps what it has acknowledged, three replicas with a way of their own to it, an attached table."""
    async with AsyncExitStack() as stack:
        server: Server = stack.enter_context(private_server(synchronous_commit="on"))
        url = server.url(DATABASE)
        await schema.migrate(url)
        ways = {name: await stack.enter_async_context(relay(server)) for name in ("one", "two", "three")}
        session = await asyncpg.connect(url)
        await session.execute("CREATE TABLE public.jobs (id text PRIMARY KEY, job text, status text)")
        await session.close()
        urls = {name: way.url(DATABASE) for name, way in ways.items()}
        made = stack.enter_context(
            replicas(
                folder,
                urls,
                SENSORS,
                RUNBELL_SENSOR_TIMEOUT_SECONDS="4",
                RUNBELL_RETRY_BACKOFF_SECONDS="0.2",
                RUNBELL_LOG_LEVEL="warning",
            )
        )
        storm = Storm(server, url, made, ways, SEED)
        await attach_jobs(storm)
        yield storm


async def test_i1_i2_i6_a_storm_of_every_fault_loses_and_doubles_nothing(tmp_path: Path) -> None:
    committed: set[str] = set()
    launched: Counter[int] = Counter()
    stop, stop_launching = anyio.Event(), anyio.Event()
    async with scene(tmp_path) as storm, anyio.create_task_group() as tasks:
        await until(lambda: count(storm, "SELECT count(*) FROM runbell.sensors"), lambda found: found == 5, seconds=30)
        for name in ("a", "b"):
            tasks.start_soon(launch, storm.url, name, stop_launching, launched)
        tasks.start_soon(fail_runs, storm.url, stop, committed)
        tasks.start_soon(work_on_jobs, storm.url, stop)
        per_second = max(EVENTS / FAULTS, 60)
        async with writing(storm.url, writers=4, per_second=per_second) as writers:
            while sum(storm.faults.values()) < FAULTS or len(writers.committed) + len(committed) < EVENTS:
                await anyio.sleep(storm.chance.uniform(0.1, 0.6))
                await storm.strike()
        stop.set()
        await storm.mend()
        # The reconciler looks for what the trigger missed once a minute.
        await until(lambda: count(storm, CAPTURED_WRONGLY), lambda left: left == 0, seconds=120, every=0.5)
        try:
            await until(lambda: count(storm, LOST_ONES), lambda left: left == 0, seconds=120, every=0.5)
        except AssertionError:
            await say_who_is_missing(storm)
            raise
        await until(lambda: count(storm, LAUNCHABLE), lambda left: left == 0, seconds=120, every=0.5)
        stop_launching.set()
        await say_and_check(storm, committed | writers.committed, launched)


LAUNCHABLE = "SELECT count(*) FROM runbell.run_requests WHERE state <> 'launched'"


async def count(storm: Storm, query: str) -> int | None:
    """None while nothing can be asked."""
    with suppress(*LOST):
        session = await asyncpg.connect(storm.url, timeout=5, command_timeout=60)
        try:
            found: int = await session.fetchval(query)
            return found
        finally:
            session.terminate()
    return None


async def say_who_is_missing(storm: Storm) -> None:
    """What is known of requests that did not come: the rows are gone when the test has failed."""
    session = await asyncpg.connect(storm.url)
    rows = await session.fetch(MISSING)
    await session.close()
    print("\nmissing:", *(dict(row) for row in rows), sep="\n")


async def say_and_check(storm: Storm, committed: set[str], launched: Counter[int]) -> None:
    session = await asyncpg.connect(storm.url)
    counts = await session.fetchrow(COUNTS)
    assert counts is not None
    lost, doubled = await session.fetchval(LOST_ONES), await session.fetchval(DOUBLED_ONES)
    expected = await session.fetchval(f"SELECT count(*) FROM ({EXPECTED}) AS e")
    known = {row[0] for row in await session.fetch("SELECT DISTINCT run_id FROM runbell.run_events")}
    await session.close()
    print(
        f"\nseed {SEED}: events {counts['events']}, evaluations {counts['evaluations']}, "
        f"requests expected {expected} found {counts['found']}, launched {counts['launched']}, "
        f"lost {lost}, doubled {doubled}, faults {sum(storm.faults.values())}, "
        f"of which hit unsettled work {storm.hits}\n{dict(sorted(storm.faults.items()))}"
    )
    assert committed <= known, f"acknowledged, and gone: {sorted(committed - known)[:5]}"
    assert (lost, doubled, counts["dead"]) == (0, 0, 0)
    assert max(launched.values()) == 1
