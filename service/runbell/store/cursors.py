"""Moving a sensor's place by hand, so that nothing is skipped whatever transactions are open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runbell.core.lags import Kind
from runbell.core.places import Place, Snapshot
from runbell.store.connections import Connection, Session
from runbell.store.failures import translated
from runbell.store.places import fields_of
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Moment:
    """Where to: behind an event, or before all that was recorded from a moment on (seconds since 1970); else now."""

    event_id: int | None = None
    recorded_at: float | None = None


@dataclass(frozen=True, slots=True)
class Between:
    """The events between two places, counted by kind: those that the second has passed, and those that it has not."""

    passed: Mapping[Kind, int]
    brought_back: Mapping[Kind, int]


async def lock_sensor(session: Connection, sensor_name: str) -> bool:
    """Hold off settlements of this sensor until the transaction has ended; False: there is none of this name."""
    with translated():
        return await session.fetchval(statement("lock_sensor"), sensor_name) is not None


async def read_place_at(session: Session, moment: Moment) -> Place:
    """The place that sees everything after the moment; it may lie before some neighbours, never behind any."""
    with translated():
        position = await session.fetchval(statement("read_place_at"), moment.event_id, moment.recorded_at)
    return Place(Snapshot.parse(position))


async def count_between_places(session: Session, place: Place | None, new: Place, *, narrowed: bool = False) -> Between:
    """What moving from one place to another passes over and brings back. None: never started, nothing is to come."""
    columns = (None,) * 4 if place is None else fields_of(place)
    with translated():
        rows = await session.fetch(statement("count_between_places"), *columns, str(new.position), narrowed)
    counts: Sequence[dict[Kind, int]] = ({}, {})
    for row in rows:
        kind = Kind(*(row[name] for name in Kind._fields))
        counts[row["passed"]][kind] = row["events"]
    return Between(passed=counts[True], brought_back=counts[False])


async def set_place(session: Connection, sensor_name: str, place: Place) -> int:
    """Move a sensor there and raise its epoch; gives how many waiting evaluations it will come by again instead."""
    with translated():
        (row,) = await session.fetch(statement("set_place"), sensor_name, str(place.position))
    removed: int = row["removed"]
    return removed
