"""How things stand: sensors and how far behind they are, requests by state, daemons. Needs no daemon."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from runbell.core.events import RunEvent
from runbell.core.filters import Filter
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.statements import statement

# Rows read beyond each place: enough to see that a sensor is behind, few enough to be asked at any time.
COUNTED_EVENTS = 10_000


@dataclass(slots=True)
class SensorState:
    """How one sensor stands.

    Attributes:
        orphaned: its module is deployed by a live daemon, without it.
        lag_events: events beyond its place that it asks for, counted within the first COUNTED_EVENTS there.
        lag_seconds: the age of the oldest of them; zero when there is none.
        retrying: evaluations that its place has passed and that wait, or are being called.
        dead: its dead letters.
        active: what its state comes to.
        owned: a live daemon holds its lease.
        failing_seconds: the age of the oldest evaluation that has failed and waits for its next call.
    """

    sensor_name: str
    state: str
    orphaned: bool
    filter: Filter
    former_filter: Filter | None
    retrying: int
    dead: int
    last_outcome: str | None
    last_evaluated_at: str | None
    active: bool = True
    owned: bool = True
    failing_seconds: float = 0.0
    lag_events: int = field(default=0)
    lag_seconds: float = field(default=0.0)


async def read_sensor_states(session: Session) -> list[SensorState]:
    """How every sensor stands, by name.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it is not migrated.
    """
    with translated():
        rows = await session.fetch(statement("read_sensor_states"))
    states = {row["sensor_name"]: _state_of(row) for row in rows}
    await count_unseen_events(session, states)
    return list(states.values())


async def count_unseen_events(session: Session, states: Mapping[str, SensorState]) -> None:
    """Count how far each sensor is behind, exactly as the daemon routes: with the sensors' own filters."""
    with translated():
        rows = await session.fetch(statement("count_unseen_events"), COUNTED_EVENTS)
    for row in rows:
        event = _event_of(row)
        for name in row["sensors"]:
            state = states.get(name)
            if state is not None and _wanted(state, event, former=row["former"]):
                state.lag_events += row["events"]
                state.lag_seconds = max(state.lag_seconds, row["age_seconds"])


async def count_run_requests(session: Session) -> dict[str, int]:
    """How many requests there are in each state."""
    with translated():
        rows = await session.fetch(statement("count_run_requests"))
    return {row["state"]: row["requests"] for row in rows}


async def list_sensors(session: Session, limit: int | None) -> list[Listed]:
    """The sensors, by name; None lists all."""
    with translated():
        return listed(await session.fetch(statement("list_sensors"), limit))


async def list_daemons(session: Session) -> list[Listed]:
    """The live processes."""
    with translated():
        return listed(await session.fetch(statement("list_daemons")))


def _state_of(row: asyncpg.Record) -> SensorState:
    former = row["former_filter"]
    return SensorState(
        sensor_name=row["sensor_name"],
        state=row["state"],
        orphaned=row["orphaned"],
        filter=_filter_of(row["filter"]),
        former_filter=None if former is None else _filter_of(former),
        retrying=row["retrying"],
        dead=row["dead"],
        last_outcome=row["last_outcome"],
        last_evaluated_at=row["last_evaluated_at"],
        active=row["active"],
        owned=row["owned"],
        failing_seconds=row["failing_seconds"],
    )


def _filter_of(stored: str) -> Filter:
    # One that nobody can read asks for nothing: the others are listed and measured all the same.
    return Filter.read(stored) or Filter(frozenset())


def _wanted(state: SensorState, event: RunEvent, *, former: bool) -> bool:
    wanted = state.former_filter if former and state.former_filter is not None else state.filter
    return wanted.matches(event, state.sensor_name)


def _event_of(row: asyncpg.Record) -> RunEvent:
    """What a filter looks at, common to all events of the row; no single one is meant."""
    return RunEvent(
        event_id=0,
        xid=0,
        source="",
        run_id="",
        job_name=row["job_name"],
        code_location=row["code_location"],
        status=row["status"],
        native_status=row["status"],
        partition_key=row["partition_key"],
        tags=row["tags"] or "{}",
        message=None,
        error=None,
        recorded_at=0.0,
        requester=row["requester"],
    )
