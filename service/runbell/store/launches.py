"""How long requests wait for a launcher, and how long it took to launch them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement

# Of the queue so many are looked at, from its head.
SCANNED = 1000


@dataclass(frozen=True, slots=True)
class Launches:
    """What was launched within a span.

    Attributes:
        until: where the next span begins.
        counts: by bucket, one more than there are bounds.
    """

    until: datetime
    counts: Sequence[int]
    seconds: float


async def count_launches(session: Session, since: datetime | None, bounds: Sequence[float]) -> Launches:
    """What was launched since then, by how long it took; None counts nothing and says where to go on from."""
    with translated():
        rows = await session.fetch(statement("count_launches"), since, list(bounds))
    counts, seconds = [0] * (len(bounds) + 1), 0.0
    for row in (row for row in rows if row["bucket"] is not None):
        counts[row["bucket"]] += row["launches"]
        seconds += row["seconds"]
    until = next(row["until"] for row in rows if row["until"] is not None)
    return Launches(until, counts, seconds)


async def read_queue_age(session: Session) -> float:
    """Seconds for which the oldest request has been there to take; 0: there is none."""
    with translated():
        found: float = await session.fetchval(statement("read_queue_age"), SCANNED)
    return found
