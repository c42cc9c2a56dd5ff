"""Runs `serve` with a sensor that misbehaves beside one that does not, and measures how long the latter was silent."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import asyncpg

from runbell.engine.markers import pause_of
from support.daemons import record
from support.serving import Serving, serving

WELL_BEHAVED = """
import asyncio, ctypes, os, re, signal, sys, threading, time
import runbell as dg


@dg.run_status_sensor(run_status="SUCCESS", monitored_jobs=["steady"], request_job="next")
async def steady(context):
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@dg.run_status_sensor(run_status="SUCCESS", monitored_jobs=["steady"], request_job="next")
def plain(context):
    return dg.RunRequest(run_key=context.dagster_run.run_id)

"""
STEADY = 2


def offender(body: str, *, plain: bool = False, options: str = "") -> str:
    """A module with the well-behaved sensors and one with this body."""
    lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
    head = '@dg.run_status_sensor(run_status="SUCCESS", monitored_jobs=["offend"], request_job="next"'
    return f"{WELL_BEHAVED}\n{head}{options})\n{'def' if plain else 'async def'} offender(context):\n{lines}"


def heart_pauses(pid: int) -> float:
    """How many seconds lie between two beats, as the heart of this worker says in the memory of its own."""
    heart = next(one for one in Path(f"/proc/{pid}/fd").iterdir() if _name_of(one).startswith("/memfd:runbell-heart"))
    return pause_of(memoryview(heart.read_bytes()).cast("q"))


def _name_of(descriptor: Path) -> str:
    with suppress(FileNotFoundError):
        return str(descriptor.readlink())
    return "closed meanwhile"


class Beside:
    """A running `serve`, with events for the well-behaved sensors arriving all the time."""

    def __init__(self, served: Serving, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.served = served
        self.session = session
        self.count = 0
        self.writing = anyio.Event()
        self.writing.set()

    @asynccontextmanager
    async def quiet(self, seconds: float) -> AsyncIterator[None]:
        """After so long without an event for anybody the body is done; then they come again."""
        self.writing = anyio.Event()
        await anyio.sleep(seconds)
        yield
        self.writing.set()

    async def until(self, holds: Callable[[], Any], seconds: float = 30.0) -> Any:
        """What `holds` gives as soon as it is true; the events go on meanwhile."""
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert self.served.process.poll() is None, self.served.errors
            assert time.monotonic() < deadline, f"{self.served.events()[-40:]}\n{self.served.errors}"
            await anyio.sleep(0.02)
        return found

    async def event(self, name: str, seconds: float = 30.0, **facts: Any) -> dict[str, Any]:
        """The first log event of this name with these facts."""

        def found() -> Any:
            events = [e for e in self.served.events(name) if all(e.get(key) == facts[key] for key in facts)]
            return events[0] if events else None

        return dict(await self.until(found, seconds))

    async def longest_silence(self) -> float:
        """The longest time that a well-behaved sensor took from an event to its request; all of them are answered."""
        last = await self.session.fetchval("SELECT max(event_id) FROM runbell.run_events")
        with anyio.fail_after(15):
            while await self.session.fetchval(UNANSWERED, STEADY, last):
                await anyio.sleep(0.02)
        doubled = await self.session.fetchval(
            "SELECT count(*) - count(DISTINCT (sensor_name, event_id, ordinal)) FROM runbell.run_requests"
        )
        assert doubled == 0
        return float(await self.session.fetchval(LONGEST))


UNANSWERED = """
    SELECT count(*) FROM runbell.run_events AS e
    WHERE job_name = 'steady' AND event_id <= $2
        AND (SELECT count(*) FROM runbell.run_requests AS q WHERE q.event_id = e.event_id) < $1
"""
LONGEST = """
    SELECT extract(epoch FROM max(q.requested_at - e.recorded_at))::float8
    FROM runbell.run_requests AS q JOIN runbell.run_events AS e USING (event_id) WHERE e.job_name = 'steady'
"""


@asynccontextmanager
async def beside(folder: Path, url: str, sensors: str, **variables: str) -> AsyncIterator[Beside]:
    """Started, with its stand-by ready, and with an event for the well-behaved sensors every 20 ms."""
    with serving(folder, url, sensors=sensors, **variables) as served:
        session = await asyncpg.connect(url)
        writer = await asyncpg.connect(url)
        found = Beside(served, session)
        async with anyio.create_task_group() as tasks:
            await found.event("daemon_started")
            tasks.start_soon(_write, writer, found)
            standing_by = int(variables.get("RUNBELL_WORKERS", "1")) + 1
            await found.until(lambda: len(served.events("worker_started")) >= standing_by)
            yield found
            tasks.cancel_scope.cancel()
        await session.close()
        writer.terminate()


async def _write(session: "asyncpg.Connection[asyncpg.Record]", found: Beside) -> None:
    while True:
        await found.writing.wait()
        found.count += 1
        await record(session, f"s{found.count}", job="steady")
        await asyncio.sleep(0.02)
