"""Writes status changes whatever happens to the server, and compares at the end: each event, exactly its requests."""

import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

import anyio
import asyncpg

from support.answering import REQUESTS
from support.daemons import record, until

Session = asyncpg.Connection
# Of a silence after a fault. Generous: other processes use the machine too; alone it is a few tenths of a second.
GENEROUS_SECONDS = 3.0
LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Writers:
    """Sessions that write until they are told to stop, and connect again whenever they are cut off.

    Attributes:
        committed: runs whose status change was acknowledged. Others may have been committed all the same.
    """

    def __init__(self, url: Callable[[], str], per_second: float) -> None:
        self._url = url
        self._per_second = per_second
        self._stop = anyio.Event()
        self._number = 0
        self.committed: set[str] = set()

    def stop(self) -> None:
        self._stop.set()

    async def write(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self._stop.is_set():
            with suppress(*LOST):
                await self._write_on_one_session(chance)
            await anyio.sleep(0.02)

    async def _write_on_one_session(self, chance: random.Random) -> None:
        session = await asyncpg.connect(self._url(), timeout=2, command_timeout=5)
        try:
            while not self._stop.is_set():
                self._number += 1
                run_id = f"w{self._number}"
                await record(session, run_id)
                self.committed.add(run_id)
                await anyio.sleep(chance.expovariate(self._per_second))
        finally:
            session.terminate()


@asynccontextmanager
async def writing(url: str | Callable[[], str], *, writers: int = 3, per_second: float = 40) -> AsyncIterator[Writers]:
    """`async with` in the body of a test: written inside, stopped behind."""
    made = Writers(url if callable(url) else lambda: url, per_second)
    async with anyio.create_task_group() as tasks:
        for seed in range(writers):
            tasks.start_soon(made.write, seed)
        yield made
        made.stop()


async def unanswered(url: str, sensors: Iterable[str] = REQUESTS) -> int:
    """How many requests are still to come, or above zero while nothing can be asked."""
    try:
        session = await asyncpg.connect(url, timeout=2)
    except LOST:
        return 1
    try:
        return int(
            await session.fetchval(
                "SELECT (SELECT count(*) FROM runbell.run_events) * $1 - (SELECT count(*) FROM runbell.run_requests)",
                sum(REQUESTS[name] for name in sensors),
            )
        )
    finally:
        session.terminate()


async def compare(url: str, committed: Iterable[str], sensors: Iterable[str] = REQUESTS, *, seconds: float = 60) -> int:
    """Wait until everything is answered, then compare exact sets; gives the number of events.

    What counts is what the table of events holds: a commit may have taken effect though nobody was told so.
    """
    await until(lambda: unanswered(url, sensors), lambda left: left <= 0, seconds=seconds, every=0.05)
    session = await asyncpg.connect(url)
    events = Counter(row[0] for row in await session.fetch("SELECT run_id FROM runbell.run_events"))
    found = await session.fetch(
        "SELECT q.sensor_name, e.run_id, q.ordinal FROM runbell.run_requests AS q "
        "LEFT JOIN runbell.run_events AS e USING (event_id)"
    )
    await session.close()
    requests = Counter(tuple(row) for row in found)
    expected = {
        (name, run_id, n): count for run_id, count in events.items() for name in sensors for n in range(REQUESTS[name])
    }
    lost = set(committed) - set(events)
    assert not lost, f"acknowledged, and gone from the table: {sorted(lost)[:5]}"
    assert requests == expected, f"{dict(list((requests - Counter(expected)).items())[:5])} doubled or foreign"
    return len(events)


async def answer_time(url: str, since: float, run_id: str) -> float:
    """Record an event and wait for its first request: the silence since a moment, in seconds."""

    async def answered() -> bool:
        try:
            session = await asyncpg.connect(url, timeout=2)
        except LOST:
            return False
        try:
            known = "SELECT EXISTS (SELECT FROM runbell.run_events WHERE run_id = $1)"
            if not await session.fetchval(known, run_id):
                await record(session, run_id)
            asked = "SELECT EXISTS (SELECT FROM runbell.run_requests WHERE tags ->> 'run' = $1)"
            return bool(await session.fetchval(asked, run_id))
        except LOST:
            return False
        finally:
            session.terminate()

    await until(answered, seconds=30, every=0.005)
    return time.monotonic() - since
