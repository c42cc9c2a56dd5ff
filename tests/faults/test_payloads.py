"""Events that weigh a megabyte each are held a few at a time, however many are behind and however many sensors ask."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.engine.processes import resident_mb
from support.daemons import until
from support.replicas import tree
from support.serving import Serving, serving

pytestmark = [pytest.mark.alone, pytest.mark.timeout(180)]
EVENTS = 400
# Ten sensors that answer, and one that never does.
SENSORS = """
import asyncio

import runbell


def made(number):
    @runbell.run_status_sensor(run_status="SUCCESS", request_job="next", name=f"sensor_{number}")
    async def answers(context):
        return runbell.RunRequest(tags={"length": str(len(context.dagster_run.run_config["text"]))})

    return answers


for number in range(10):
    globals()[f"sensor_{number}"] = made(number)


@runbell.run_status_sensor(run_status="SUCCESS", max_concurrent=1)
async def stuck(context):
    await asyncio.sleep(3600)
"""
# 1 MB that hardly gets smaller by compression.
PAYLOAD = """
CREATE TABLE public.payload AS
SELECT jsonb_build_object('text', string_agg(md5(n::text), '')) AS config FROM generate_series(1, 32768) AS n
"""
RECORD = """
SELECT runbell.record_run_status('r' || $1::int, 'job', 'SUCCESS', run_config => p.config) FROM public.payload AS p
"""
# Of these a process with nothing to do takes 55, and the first page, of which nothing is known yet, 100.
MOST_MB = 300


async def test_what_weighs_a_megabyte_does_not_multiply(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    async def requested() -> int:
        return await connection.fetchval("SELECT count(*) FROM runbell.run_requests")

    async def held() -> int:
        return await connection.fetchval("SELECT count(*) FROM runbell.sensors WHERE lease_holder IS NOT NULL")

    await connection.execute(PAYLOAD)
    with serving(tmp_path, database_url, sensors=SENSORS, RUNBELL_LOG_LEVEL="warning") as first:
        await until(held, (11).__eq__)
        live = await watched(first, lambda: write(connection, range(EVENTS)))
        assert first.end() == 0
    await write(connection, range(EVENTS, 2 * EVENTS))
    with serving(tmp_path, database_url, sensors=SENSORS, RUNBELL_LOG_LEVEL="warning") as second:
        behind = await watched(second, lambda: until(requested, (20 * EVENTS).__eq__, seconds=120, every=0.2))
        relieved = second.events("worker_relieved")

    print(f"\n{EVENTS} events of 1 MB: {live:.0f} MB as they came, {behind:.0f} MB behind {2 * EVENTS}")
    assert max(live, behind) < MOST_MB
    assert relieved == []
    lengths = await connection.fetch("SELECT DISTINCT tags ->> 'length' FROM runbell.run_requests")
    assert [row[0] for row in lengths] == [str(32768 * 32)]


async def write(connection: asyncpg.Connection, numbers: range) -> None:
    for number in numbers:
        await connection.execute(RECORD, number)


async def watched(serve: Serving, body: Callable[[], Awaitable[object]]) -> float:
    """The most memory that one of its processes had meanwhile, in MB."""
    seen = [0.0]

    async def watch() -> None:
        while True:
            seen.append(max(resident_mb(pid) for pid in tree(serve.process.pid)))
            await anyio.sleep(0.05)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await body()
        tasks.cancel_scope.cancel()
    return max(seen)
