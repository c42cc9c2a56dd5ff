"""How things stand: sensors and how far behind they are, requests by state, daemons. Needs no daemon."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from runbell.core.filters import Filter
from runbell.core.lags import Lag, Reader
from runbell.core.places import Snapshot
from runbell.core.routing import Subscription
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.lags import read_lags
from runbell.store.listings import Listed, listed
from runbell.store.places import place_of
from runbell.store.statements import statement


@dataclass(slots=True, kw_only=True)
class SensorState:
    """How one sensor stands.

    Attributes:
        active: what its state comes to.
        orphaned: its module is deployed by a live daemon, without it.
        apart: it blocked a process that evaluates others too, and is evaluated in one of its own.
        filter: what it asks for now.
        owned: a daemon that counts as live holds its lease.
        reader: its place and its filters; None: it has never been started.
        lag_events: events beyond its place that it asks for; see `read_lags`.
        lag_seconds: the age of the oldest of them; zero when there is none.
        retrying: evaluations that its place has passed and that wait, or are being called.
        dead: its dead letters.
        failing_seconds: the age of the oldest evaluation that has failed and waits for its next call.
    """

    sensor_name: str
    state: str
    active: bool
    orphaned: bool
    apart: bool
    filter: Filter
    owned: bool
    retrying: int
    dead: int
    last_outcome: str | None
    last_evaluated_at: str | None
    reader: Reader | None
    failing_seconds: float = 0.0
    lag_events: int = 0
    lag_seconds: float = 0.0


async def read_sensor_states(session: Session) -> list[SensorState]:
    """How every sensor stands, by name.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it is not migrated.
    """
    with translated():
        rows = await session.fetch(statement("read_sensor_states"))
    states = [_state_of(row) for row in rows]
    readers = {state.sensor_name: state.reader for state in states if state.reader is not None}
    lags = await read_lags(session, readers) if readers else {}
    for state in states:
        lag = lags.get(state.sensor_name, Lag())
        state.lag_events, state.lag_seconds = lag.events, lag.seconds
    return states


async def count_run_requests(session: Session) -> dict[str, int]:
    """How many requests there are in each state."""
    with translated():
        rows = await session.fetch(statement("count_run_requests"))
    return {row["state"]: row["requests"] for row in rows}


async def show_sensor(session: Session, sensor_name: str) -> Listed | None:
    """Everything that is stored of one sensor; None: there is none of this name."""
    with translated():
        rows = listed(await session.fetch(statement("show_sensor"), sensor_name))
    return rows[0] if rows else None


async def list_sensors(session: Session, limit: int | None) -> list[Listed]:
    """The sensors, by name; None lists all."""
    with translated():
        return listed(await session.fetch(statement("list_sensors"), limit))


@dataclass(frozen=True, slots=True)
class DaemonState:
    """A process that counts as live. `notified`: it is rung awake; else it reads at short intervals."""

    role: str
    hostname: str
    pid: int
    notified: bool

    @classmethod
    def of(cls, found: Listed) -> "DaemonState":
        """From a row of `list_daemons`."""
        cells: Mapping[str, Any] = found.cells
        return cls(cells["role"], cells["hostname"], cells["pid"], cells["notified"])


async def list_daemons(session: Session) -> list[Listed]:
    """The live processes."""
    with translated():
        return listed(await session.fetch(statement("list_daemons")))


def _state_of(row: asyncpg.Record) -> SensorState:
    return SensorState(
        sensor_name=row["sensor_name"],
        state=row["state"],
        active=row["active"],
        orphaned=row["orphaned"],
        apart=row["apart"],
        filter=filter_of(row["filter"]),
        owned=row["owned"],
        retrying=row["retrying"],
        dead=row["dead"],
        last_outcome=row["last_outcome"],
        last_evaluated_at=row["last_evaluated_at"],
        reader=_reader_of(row),
        failing_seconds=row["failing_seconds"],
    )


def _reader_of(row: asyncpg.Record) -> Reader | None:
    if row["position"] is None:
        return None
    former, since = row["former_filter"], row["filter_since"]
    subscription = Subscription(
        filter_of(row["filter"]),
        None if former is None else filter_of(former),
        None if since is None else Snapshot.parse(since),
    )
    return Reader(place_of(row), subscription)


def filter_of(stored: str) -> Filter:
    """A stored filter; one that nobody can read asks for nothing: the others are listed and measured all the same."""
    return Filter.read(stored) or Filter(frozenset())
