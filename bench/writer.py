"""The orchestrator of the benchmarks: records status changes at random moments, each in a transaction of its own.

Arrivals are Poisson and do not wait for one another: what is late is not made up for by asking less. Run as
`writer.py URL STATEMENT RATE COUNT SEED` by the benchmarks; prints how long each commit took, in milliseconds.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Iterator

import asyncpg
import uvloop

CONNECTIONS = 16


def arrivals(rate: float, count: int, seed: int) -> Iterator[float]:
    """Moments, in seconds from the start."""
    chance, moment = random.Random(seed), 0.0
    for _ in range(count):
        moment += chance.expovariate(rate)
        yield moment


async def write(url: str, statement: str, rate: float, count: int, seed: int) -> list[float]:
    """Write them all; gives how long each took."""
    waiting: asyncio.Queue[str | None] = asyncio.Queue()
    took: list[float] = []
    sessions = [await asyncpg.connect(url) for _ in range(CONNECTIONS if rate > 50 else 2)]
    prepared = [await session.prepare(statement) for session in sessions]
    async with asyncio.TaskGroup() as tasks:
        for one in prepared:
            tasks.create_task(_work(one, waiting, took))
        began = time.monotonic()
        for number, moment in enumerate(arrivals(rate, count, seed)):
            await asyncio.sleep(max(began + moment - time.monotonic(), 0))
            waiting.put_nowait(f"run-{seed}-{number}")
        for _ in prepared:
            waiting.put_nowait(None)
    for session in sessions:
        await session.close()
    return took


async def _work(
    prepared: "asyncpg.prepared_stmt.PreparedStatement[asyncpg.Record]",
    waiting: "asyncio.Queue[str | None]",
    took: list[float],
) -> None:
    while (run_id := await waiting.get()) is not None:
        began = time.monotonic()
        await prepared.fetchval(run_id)
        took.append((time.monotonic() - began) * 1000)


if __name__ == "__main__":
    url, statement, rate, count, seed = sys.argv[1:]
    took = uvloop.run(write(url, statement, float(rate), int(count), int(seed)))
    # Not by print: with PYTHONUNBUFFERED set, what a pipe does not take at once of a long line was lost.
    with open(sys.stdout.fileno(), "w", closefd=False) as said:
        json.dump(took, said)
