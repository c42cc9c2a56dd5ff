"""I4 where everybody asks for everything: a process with very many sensors catches up, and is not ended as blocked by
what it hands out at once.

`CROWD=30000` takes so many sensors.
"""

import os
import time
from pathlib import Path

import asyncpg
import pytest

from support.daemons import record, until
from support.serving import serving

pytestmark = [pytest.mark.alone, pytest.mark.timeout(300)]
CROWD = int(os.environ.get("CROWD", "10000"))
EVENTS = 20
SENSORS = f"""
import runbell


def made(number):
    @runbell.run_status_sensor(run_status="SUCCESS", name=f"sensor_{{number}}")
    async def looks(context):
        pass

    return looks


for number in range({CROWD}):
    globals()[f"sensor_{{number}}"] = made(number)
"""
QUIET = {"RUNBELL_LOG_LEVEL": "warning"}


async def test_i4_a_crowd_that_is_behind_catches_up_in_the_process_that_began(
    database_url: str, connection: asyncpg.Connection, tmp_path: Path
) -> None:
    async def held() -> int:
        return await connection.fetchval("SELECT count(*) FROM runbell.sensors WHERE lease_holder IS NOT NULL")

    async def acted() -> int:
        return await connection.fetchval("SELECT coalesce(sum(acted), 0)::int FROM runbell.ticks")

    with serving(tmp_path, database_url, sensors=SENSORS, **QUIET) as first:
        await until(held, CROWD.__eq__, seconds=60)
        assert first.end() == 0
    for number in range(EVENTS):
        await record(connection, f"r{number}")
    began = time.monotonic()
    with serving(tmp_path, database_url, sensors=SENSORS, **QUIET) as served:
        await until(acted, lambda count: count >= CROWD * EVENTS, seconds=150, every=0.2)
        relieved = served.events("worker_relieved")

    print(f"\n{CROWD} sensors, {EVENTS} events: {CROWD * EVENTS} evaluations in {time.monotonic() - began:.1f} s")
    assert relieved == []
    assert await acted() == CROWD * EVENTS
