"""Closes the gaps that capture left: the second wall behind the triggers, and the only one where there are none."""

from runbell.core.sources import AttachedSource
from runbell.store import sources
from runbell.store.connections import Session

# Runs in one transaction: their rows are locked until it ends, and a trigger waits for a row at most 100 ms.
MOST_RUNS = 100


async def close_gaps(session: Session, source: AttachedSource) -> int:
    """Record every status change of this source that was not captured; gives the number of events.

    Whoever does it at the same time records nothing twice: one of the two finds nothing to do.

    Raises:
        StatementRefusedError: the source's tables cannot be read.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def close_all(session, attached):
        ...     return [await close_gaps(session, source) for source in attached]
    """
    total = 0
    while True:
        recorded = await sources.close_source_gaps(session, source.source, MOST_RUNS)
        total += recorded
        if recorded < MOST_RUNS:
            return total
