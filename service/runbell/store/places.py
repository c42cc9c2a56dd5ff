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


def columns_of(places: Sequence[Place]) -> tuple[list[str], list[str | None], list[Any], list[Any]]:
    """Places as four arrays."""
    return (
        [str(place.position) for place in places],
        [None if place.upper is None else str(place.upper) for place in places],
        [None if place.last is None else place.last.xid for place in places],
        [None if place.last is None else place.last.event_id for place in places],
    )
