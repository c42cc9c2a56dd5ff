"""Sensors for several replicas, and what the database says of who holds them."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import asyncpg

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.leases import Role
from runbell.core.sensors import Sensor
from runbell.engine.daemon import Daemon
from runbell.store.daemons import Identity, hold_session_lock, register_daemon
from support.daemons import until

Session = asyncpg.Connection


def answering(name: str, *, status: str = "SUCCESS", called: "Callable[[], Awaitable[None]] | None" = None) -> Sensor:
    @run_status_sensor(name=name, run_status=status, request_job="j")
    async def answer(context: RunStatusSensorContext) -> RunRequest:
        if called is not None:
            await called()
        return RunRequest()

    return answer


TEN = [answering(f"sensor_{number}") for number in range(10)]


class Gate:
    """Where functions wait until it is opened; counts those that came."""

    def __init__(self) -> None:
        self.calls = 0
        self._opened = anyio.Event()

    async def pass_through(self) -> None:
        self.calls += 1
        await self._opened.wait()

    def open(self) -> None:
        self._opened.set()


async def shares(session: Session) -> Counter[str]:
    rows = await session.fetch(
        "SELECT lease_holder::text AS holder FROM runbell.sensors WHERE lease_holder IS NOT NULL"
    )
    return Counter(row["holder"] for row in rows)


async def holder_of(session: Session, name: str) -> str | None:
    found: str | None = await session.fetchval(
        "SELECT lease_holder::text FROM runbell.sensors WHERE sensor_name = $1", name
    )
    return found


async def shared(session: Session, *counts: int) -> Counter[str]:
    return await until(lambda: shares(session), lambda found: sorted(found.values()) == sorted(counts), seconds=8)


async def times_requested(session: Session, run_id: str) -> Counter[str]:
    rows = await session.fetch(
        "SELECT q.sensor_name FROM runbell.run_requests AS q JOIN runbell.run_events AS e USING (event_id) "
        "WHERE e.run_id = $1",
        run_id,
    )
    return Counter(row["sensor_name"] for row in rows)


async def present(value: Any) -> Any:
    return value


class Ghost:
    """A peer that holds leases and is not there: a row, and a session that holds its lock."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.identity = Identity(uuid4(), "a_module", None, "another offer", "elsewhere", 1)

    async def hold_everything(self) -> None:
        await hold_session_lock(self.session, self.identity)
        await register_daemon(self.session, self.identity, Role.ACTIVE, locked=True)
        await self.session.execute("UPDATE runbell.sensors SET lease_holder = $1", self.identity.daemon_id)


@asynccontextmanager
async def ghost(url: str) -> AsyncIterator[Ghost]:
    """Holds the leases of all sensors that have been deployed."""
    settings = {"application_name": "runbell daemon 0"}
    session = await asyncpg.connect(url, server_settings=settings)
    made = Ghost(session)
    await session.execute(f"SET application_name = 'runbell daemon {made.identity.session_suffix}'")
    await made.hold_everything()
    yield made
    await session.close()


async def beats(session: Session, daemon: Daemon) -> int:
    found: int = await session.fetchval(
        "SELECT beat FROM runbell.daemons WHERE daemon_id = $1::text::uuid", str(daemon.daemon_id)
    )
    return found


async def looks(session: Session, daemon: Daemon) -> int:
    """How often it has beaten; it is told to look again."""
    daemon.set_apart([], apart=True)
    return await beats(session, daemon)


async def cut(session: Session, daemon: Daemon) -> None:
    """Cut every session of one daemon."""
    await session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%' || $1",
        daemon.daemon_id.hex[:12],
    )
