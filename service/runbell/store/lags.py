"""Reads what lies beyond the sensors' places: the newest events once for all, the first ones for those far behind."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from runbell.core.events import EventKey
from runbell.core.lags import Kind, Lag, Reader, Recent, is_narrowed, measure_lags
from runbell.core.places import Place
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement

# Enough to see that a sensor is behind, few enough to be asked at any time.
COUNTED_EVENTS = 10_000
# Of a sensor that is further behind, how old the first events beyond its place are.
FIRST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """What was read. `first_xid`: events from this transaction on are all there; None: all are."""

    events: Sequence[Recent]
    first_xid: int | None


async def read_lags(session: Session, readers: Mapping[str, Reader]) -> dict[str, Lag]:
    """How far each sensor is behind, by what the daemon would hand it.

    Of one with more than COUNTED_EVENTS events beyond its place those among the newest are counted, and the seconds are
    the age of what comes next.
    """
    statuses = {
        status for reader in readers.values() for one in reader.subscription.filters() for status in one.statuses
    }
    narrowed = is_narrowed(one for reader in readers.values() for one in reader.subscription.filters())
    recent = await read_recent_events(session, statuses, COUNTED_EVENTS, narrowed=narrowed)
    lags = measure_lags(recent.events, readers)
    first_xid = recent.first_xid
    if first_xid is None:
        return lags
    far = {name: reader for name, reader in readers.items() if reader.place.position.xmax < first_xid}
    by_place: dict[Place, dict[str, Reader]] = {}
    for name, reader in far.items():
        by_place.setdefault(reader.place, {})[name] = reader
    found = await read_first_events(session, list(by_place), statuses, FIRST_EVENTS, narrowed=narrowed)
    for events, members in zip(found, by_place.values(), strict=True):
        for name, lag in measure_lags(events, members).items():
            lags[name] = Lag(max(lags[name].events, lag.events), max(lags[name].seconds, lag.seconds))
    return lags


async def read_recent_events(session: Session, statuses: Iterable[str], count: int, *, narrowed: bool) -> RecentEvents:
    """The newest events of these statuses, among the newest `count` that lie beyond some sensor's place."""
    with translated():
        rows = await session.fetch(statement("read_recent_events"), sorted(statuses), count, narrowed)
    *found, end = rows
    return RecentEvents([_recent_of(row) for row in found], end["xid"])


async def read_first_events(
    session: Session, places: Sequence[Place], statuses: Iterable[str], count: int, *, narrowed: bool
) -> list[list[Recent]]:
    """For each place, of the first `count` events beyond it those of these statuses."""
    lasts = [place.last or EventKey(0, 0) for place in places]
    with translated():
        rows = await session.fetch(
            statement("read_first_events"),
            [str(place.position) for place in places],
            [last.xid for last in lasts],
            [last.event_id for last in lasts],
            sorted(statuses),
            count,
            narrowed,
        )
    found: list[list[Recent]] = [[] for _ in places]
    for row in rows:
        found[row["place"] - 1].append(_recent_of(row))
    return found


def _recent_of(row: asyncpg.Record) -> Recent:
    kind = Kind(*(row[name] for name in Kind._fields))
    return Recent(EventKey(row["xid"], row["event_id"]), row["age"], kind)
