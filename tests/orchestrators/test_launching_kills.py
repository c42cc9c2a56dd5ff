"""A launcher, and Dagster's webserver, are killed at every step of a launch: each request still becomes one run.

The steps are found from outside: a door in front of the webserver, and locks on Dagster's tables and on the queue.
"""

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from os import environ

import anyio
import asyncpg
import pytest

from support.daemons import until
from support.processes import Process, started
from support.requests import request, until_state

pytestmark = pytest.mark.timeout(240)

KILLS = int(environ.get("KILLS", "4"))
REQUESTS = 15 * KILLS
SEED = int(environ.get("SEED", random.randrange(10**6)))
# A claim outlasts it by ten seconds, which is how long a killed launcher's requests wait.
ANSWER_SECONDS = "2"
SIGKILL = 9

RUNS = """
SELECT run_body::json -> 'tags' ->> 'runbell/request_id' AS request_id, status
FROM runs WHERE run_body::json -> 'tags' ->> 'runbell/request_id' IS NOT NULL
"""
STRANDED = """
SELECT count(*) FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'runbell/request_id'
WHERE r.status = 'NOT_STARTED'
"""
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = to_regclass($1)"
WAITING_FOR_ROW = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"


@contextmanager
def launcher(dagster, entrance) -> Iterator[Process]:
    """A real launcher that reaches Dagster through the door."""
    settings = {
        "RUNBELL_DATABASE_URL": dagster.url,
        "RUNBELL_DAGSTER_URL": entrance.url,
        "RUNBELL_DAGSTER_ANSWER_SECONDS": ANSWER_SECONDS,
        "RUNBELL_LOG_FORMAT": "json",
        "NO_PROXY": "127.0.0.1",
    }
    with started("launch", "dagster", **settings) as process:
        process.until("launcher_started")
        yield process


@asynccontextmanager
async def locked(url: str, statement: str, *arguments: object) -> AsyncIterator[None]:
    """Holds what a statement locks."""
    session = await asyncpg.connect(url)
    try:
        async with session.transaction():
            await session.execute(statement, *arguments)
            yield
    finally:
        await session.close()


async def until_waiting(queue, what: str | None) -> None:
    """Wait until somebody waits for a table, or, of None, for a row."""

    async def look() -> int:
        return await (queue.fetchval(WAITING, what) if what else queue.fetchval(WAITING_FOR_ROW))

    await until(look)


async def each_once(queue, requests: list[int]) -> Counter[str]:
    """Each request is launched, and of each there is one run that was submitted; how many runs there are by status."""
    for request_id in requests:
        await until_state(queue, request_id, "launched", seconds=60)
    rows = await queue.fetch(RUNS)
    submitted = Counter(int(row["request_id"]) for row in rows if row["status"] != "NOT_STARTED")
    assert submitted == Counter(requests)
    named = await queue.fetchval(
        "SELECT count(*) FROM runbell.run_requests AS q JOIN runs AS r ON r.run_id = q.run_id"
        " WHERE r.run_body::json -> 'tags' ->> 'runbell/request_id' = q.request_id::text"
    )
    assert named == len(requests)
    return Counter(row["status"] for row in rows)


async def test_a_launcher_killed_at_every_step_neither_doubles_nor_forgets_a_run(queue, idle_dagster, entrance):
    requests = []

    async def killed_at(point: str) -> None:
        with launcher(idle_dagster, entrance) as process:
            stop = entrance.stop("launch" if point in {"runs", "event_logs", "report"} else point)
            requests.append(await request(queue, "extract"))
            await stop.reached()
            if point in {"runs", "event_logs"}:
                # In the middle of Dagster's work: the run is not there yet, or is created and not submitted.
                async with locked(idle_dagster.url, f"LOCK TABLE {point} IN SHARE MODE"):
                    stop.go()
                    await until_waiting(queue, point)
                    process.signal(SIGKILL)
                    process.end()
            elif point == "report":
                row = "SELECT FROM runbell.run_requests WHERE request_id = $1 FOR UPDATE"
                async with locked(idle_dagster.url, row, requests[-1]):
                    stop.go()
                    await until_waiting(queue, None)
                    process.signal(SIGKILL)
                    process.end()
            else:
                process.signal(SIGKILL)
                process.end()
                stop.cut()

    for point in ("question", "launch", "runs", "event_logs", "answer", "report"):
        await killed_at(point)
    with launcher(idle_dagster, entrance):
        runs = await each_once(queue, requests)

    attempts = await queue.fetch("SELECT attempts FROM runbell.run_requests ORDER BY request_id")
    print(f"\n{len(requests)} launchers killed, {entrance.launches} launches ordered, runs: {dict(runs)}")
    # The last was reported by what its launcher had left in the database.
    assert all(row["attempts"] > 1 for row in attempts[:-1])


async def test_a_webserver_killed_at_every_step_neither_doubles_nor_forgets_a_run(queue, idle_dagster, entrance):
    requests, url, launch = [], idle_dagster.url, None
    with launcher(idle_dagster, entrance):
        # Answered, and the answer is on its way.
        answer = entrance.stop("answer")
        requests.append(await request(queue, "extract"))
        await answer.reached()
        for table in ("event_logs", "run_tags", "runs"):
            # Created and not submitted; created and without its tags; not created.
            async with locked(url, f"LOCK TABLE {table} IN SHARE MODE"):
                requests.append(await request(queue, "extract"))
                await until_waiting(queue, table)
                idle_dagster.kill_web()
            if table == "event_logs":
                answer.cut()
            if table == "runs":
                # Not passed on yet, and then there is nobody to pass it on to.
                launch = entrance.stop("launch")
                requests.append(await request(queue, "extract"))
            idle_dagster.start_web()
            idle_dagster.wait_for_web()
        await launch.reached()
        idle_dagster.kill_web()
        launch.go()
        idle_dagster.start_web()
        idle_dagster.wait_for_web()
        runs = await each_once(queue, requests)

    # Those that it left behind created and not submitted are gone: nobody can submit them any more.
    assert await queue.fetchval(STRANDED) == 0
    print(f"\n4 webservers killed, {entrance.launches} launches ordered, runs: {dict(runs)}")


async def test_launchers_killed_at_random_neither_double_nor_forget_a_run(queue, idle_dagster, entrance):
    dice = random.Random(SEED)
    requests = [await request(queue, "extract") for _ in range(REQUESTS)]
    for _ in range(KILLS):
        with launcher(idle_dagster, entrance) as process:
            await anyio.sleep(dice.uniform(0.05, 0.6))
            process.signal(SIGKILL)
            process.end()
    with launcher(idle_dagster, entrance):
        runs = await each_once(queue, requests)

    attempts = await queue.fetchval("SELECT count(*) FROM runbell.run_requests WHERE attempts > 1")
    print(f"\nseed {SEED}: {KILLS} kills, {REQUESTS} requests, {attempts} claimed again, runs: {dict(runs)}")
