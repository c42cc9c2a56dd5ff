"""What tells why things do not move: who holds events back, what sensors have done lately, whom requests wait for."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.observations import (
    LATELY_SECONDS,
    OPEN_SECONDS,
    STATEMENT_SECONDS,
    EventWriter,
    Facts,
    RequestQueue,
    SensorWork,
    SlowStatement,
)
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.overview import DaemonState, SensorState
from runbell.store.statements import statement

# So many of a sensor's newest ticks are looked at.
TICKS = 20


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server as an operator asks for it, and the bell; `asleep`: daemons that sleep until they are rung."""

    version: str
    database_name: str
    in_recovery: bool
    started_at: str
    queue_usage: float
    asleep: int
    connections: int
    max_connections: int


async def read_facts(
    session: Session, states: Sequence[SensorState], daemons: Sequence[DaemonState], server: ServerFacts
) -> Facts:
    """Everything that `explain` looks at, of these sensors and daemons."""
    return Facts(
        sensors=await read_sensor_work(session, states),
        daemons=sum(daemon.role in {"active", "apart"} for daemon in daemons),
        deaf=[f"{daemon.hostname}:{daemon.pid}" for daemon in daemons if not daemon.notified],
        queue_usage=server.queue_usage,
        writers=await list_event_writers(session, OPEN_SECONDS),
        statements=await list_slow_statements(session, STATEMENT_SECONDS),
        queues=await list_request_queues(session),
    )


async def read_server_facts(session: Session) -> ServerFacts:
    """The server itself."""
    with translated():
        (row,) = await session.fetch(statement("read_server_facts"))
    return ServerFacts(*row.values())


async def read_sensor_work(session: Session, states: Sequence[SensorState]) -> list[SensorWork]:
    """What these sensors have done lately."""
    with translated():
        rows = await session.fetch(statement("read_sensor_work"), LATELY_SECONDS, TICKS)
    done = {row["sensor_name"]: dict(row) for row in rows}
    return [
        SensorWork(
            **{"sensor_name": state.sensor_name, **done.get(state.sensor_name, {})},
            active=state.active,
            owned=state.owned,
            apart=state.apart,
            lag_events=state.lag_events,
            lag_seconds=state.lag_seconds,
        )
        for state in states
    ]


async def list_event_writers(session: Session, seconds: float) -> list[EventWriter]:
    """Transactions that have recorded status changes and stay open for so long, the oldest first."""
    with translated():
        rows = await session.fetch(statement("list_event_writers"), seconds)
    return [EventWriter(*row.values()) for row in rows]


async def list_slow_statements(session: Session, seconds: float) -> list[SlowStatement]:
    """Statements of Runbell's own that take so long."""
    with translated():
        rows = await session.fetch(statement("list_slow_statements"), seconds)
    return [SlowStatement(*row.values()) for row in rows]


async def list_request_queues(session: Session) -> list[RequestQueue]:
    """The open requests of each target."""
    with translated():
        rows = await session.fetch(statement("list_request_queues"))
    return [RequestQueue(*row.values()) for row in rows]
