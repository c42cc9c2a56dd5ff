"""Places as columns: three of them are written and compared as text, because pg_snapshot has no equality."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from runbell.core.events import EventKey
from runbell.core.places import Place, Snapshot


def place_of(row: asyncpg.Record) -> Place:
    """The place in a row with the columns position, upper, last_xid, last_event_id."""
    if row["upper"] is None:
        return Place(Snapshot.parse(row["position"]))
    return Place(
        Snapshot.parse(row["position"]),
        Snapshot.parse(row["upper"]),
        EventKey(row["last_xid"], row["last_event_id"]),
    )


def fields_of(place: Place) -> tuple[str, str | None, int | None, int | None]:
    """A place as the values of these columns."""
    upper = None if place.upper is None else str(place.upper)
    if place.last is None:
        return (str(place.position), upper, None, None)
    return (str(place.position), upper, place.last.xid, place.last.event_id)


def columns_of(places: Sequence[Place]) -> list[list[Any]]:
    """Places as four arrays."""
    rows = [fields_of(place) for place in places]
    return [[row[number] for row in rows] for number in range(4)]
