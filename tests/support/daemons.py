"""Runs a daemon inside a test, and waits for facts with a deadline."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
import asyncpg

from runbell.core.sensors import Sensor
from runbell.engine.daemon import Daemon, DaemonOptions

T = TypeVar("T")
Session = asyncpg.Connection

DEADLINE_SECONDS = 20.0


@asynccontextmanager
async def running(url: str, *sensors: Sensor, module: str = "a_module", **options: object) -> AsyncIterator[Daemon]:
    """`async with` in the body of a test: started inside, drained behind."""
    given = {"retry_backoff_seconds": 0.05, "shutdown_grace_seconds": 5.0, **options}
    daemon = Daemon(DaemonOptions(database_url=url, module=module, sensors=sensors, **given))  # type: ignore[arg-type]
    async with anyio.create_task_group() as tasks:
        await tasks.start(daemon.run)
        yield daemon
        daemon.stop()


async def until(
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], bool] = bool,
    *,
    seconds: float = DEADLINE_SECONDS,
    every: float = 0.01,
) -> T:
    """Look until it holds; what was seen last. Fails with what was seen when the deadline passes."""
    seen: T | None = None
    with anyio.move_on_after(seconds):
        while True:
            seen = await look()
            if holds(seen):
                return seen
            await anyio.sleep(every)
    raise AssertionError(f"not within {seconds} s; seen last: {seen!r}")


async def record(session: Session, run_id: str, status: str = "SUCCESS", *, job: str = "job", **more: object) -> int:
    """Record a status change as any orchestrator would; its event id."""
    names = "".join(f", {name} => ${place}" for place, name in enumerate(more, start=4))
    statement = f"SELECT runbell.record_run_status(run_id => $1, job_name => $2, status => $3{names})"
    return int(await session.fetchval(statement, run_id, job, status, *more.values()))


async def requested_keys(session: Session, sensor: str | None = None) -> list[str]:
    """The run keys of all requests, each as often as it stands there."""
    rows = await session.fetch(
        "SELECT run_key FROM runbell.run_requests WHERE $1::text IS NULL OR sensor_name = $1 ORDER BY run_key", sensor
    )
    return [row["run_key"] for row in rows]


async def evaluations(session: Session) -> list[asyncpg.Record]:
    """What stands in the table of evaluations."""
    return list(await session.fetch("SELECT * FROM runbell.evaluations ORDER BY evaluation_id"))
