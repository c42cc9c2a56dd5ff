"""Evaluating once more, on purpose: finding the events, numbering the replay, and putting it before the sensor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runbell.core.lags import Kind
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which recorded events: of a time (seconds since 1970), or of these ids."""

    since: float | None = None
    until: float | None = None
    event_ids: Sequence[int] | None = None


async def find_events(
    session: Session, recorded: Recorded, statuses: Iterable[str], *, after: int, count: int
) -> list[tuple[int, Kind]]:
    """A page of their ids with what filters look at, in the order of the ids."""
    with translated():
        rows = await session.fetch(
            statement("find_events"),
            recorded.since,
            recorded.until,
            recorded.event_ids,
            sorted(statuses),
            after,
            count,
        )
    return [(row["event_id"], Kind(*list(row.values())[1:])) for row in rows]


async def draw_replay(session: Session) -> int:
    """The number of a new replay."""
    with translated():
        number: int = await session.fetchval(statement("draw_replay"))
    return number


async def add_replays(session: Session, sensor_name: str, event_ids: Sequence[int], replay: int) -> list[int]:
    """Have a sensor evaluate these once more, now; the ids of those that it will.

    The others it comes by anyway, or it is being called for them at this moment.
    """
    with translated():
        rows = await session.fetch(statement("add_replays"), sensor_name, list(event_ids), replay)
    return [row["event_id"] for row in rows]
