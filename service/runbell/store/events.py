"""Reads recorded status changes: what has become visible since a place, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import asyncpg

from runbell.core.events import EventKey, RunEvent
from runbell.core.places import Place, Snapshot
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement

# A row begins with an event's fields, in their order.
FIELDS = len(RunEvent.__struct_fields__)


@dataclass(frozen=True, slots=True)
class EventPage:
    """One read: the events, in event_id order, and the place behind them.

    Attributes:
        full: there may be more up to `upper`.
        passed_rows: it moved over events, whether any was asked for or not.
        weight: bytes of one of its events, on average.
        in_key_order: event_id order is the order of their keys, too.
    """

    start: Place
    upper: Snapshot
    end: Place
    events: Sequence[RunEvent]
    full: bool
    passed_rows: bool
    weight: float
    in_key_order: bool


async def read_events(
    session: Session,
    start: Place,
    *,
    upper: Snapshot | None = None,
    statuses: Sequence[str] | None = None,
    jobs: str | None = None,
    filters: str | None = None,
    scanned: int = 1000,
) -> EventPage:
    """Read one page behind `start`, of what is visible in `upper` (of the place, else as given, else now).

    `statuses`, and `jobs` and `filters` (both of core/pushing.py): only events that these let through.
    """
    bound = start.upper or upper
    last = start.last or EventKey(0, 0)
    with translated():
        rows = await session.fetch(
            statement("read_events"),
            str(start.position),
            None if bound is None else str(bound),
            last.xid,
            last.event_id,
            statuses,
            jobs,
            scanned,
            filters,
        )
    return _page_of(start, rows)


def _page_of(start: Place, rows: Sequence[asyncpg.Record]) -> EventPage:
    # The last row is no event: it says what was read, and how far if the page is full.
    *found, end_row = rows
    upper = Snapshot.parse(end_row["upper"])
    full = end_row["furthest_xid"] is not None
    end = start.at(upper, EventKey(end_row["furthest_xid"], end_row["furthest_event_id"])) if full else start.end(upper)
    events = [event_of(row) for row in found]
    weight = sum([event.weight for event in events]) / len(events) if events else 0.0
    ordered = all(before.xid <= after.xid for before, after in pairwise(events))
    return EventPage(start, upper, end, events, full, end_row["passed_rows"], weight, ordered)


def event_of(row: asyncpg.Record) -> RunEvent:
    """The event in a row. JSON stays text and times are numbers, so that nothing in a row can fail to decode here."""
    return RunEvent(*row[:FIELDS])
