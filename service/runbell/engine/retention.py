"""Removes what is old, slowly and in the background; one daemon at a time, whichever finds it due."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic

import anyio
import structlog

from runbell.core.errors import RunbellError, StatementAbortedError, StoreUnavailableError
from runbell.core.leases import Role
from runbell.core.retention import KINDS, Kind, Retention, pause_after
from runbell.engine.membership import Membership
from runbell.store.connections import Session
from runbell.store.retention import claim_retention, sweep

log = structlog.get_logger()
# Starting comes first.
FIRST_SECONDS = 60.0
EVERY_SECONDS = 600.0
# After a statement that the server gave up.
BACKOFF_SECONDS = 5.0
MOST_TRIES = 3


@dataclass(slots=True)
class Removed:
    """What a round has removed.

    Attributes:
        rows: how many of each kind.
        lost: by sensor, the events that it asked for among them and had not passed.
    """

    rows: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    lost: Counter[str] = field(default_factory=Counter)


class Sweeper:
    """Looks for old rows every ten minutes."""

    def __init__(self, session: Session, membership: Membership, retention: Retention) -> None:
        self._session = session
        self._membership = membership
        self._retention = retention

    async def run(self) -> None:
        """Sweep for ever; ends only with the term."""
        await anyio.sleep(FIRST_SECONDS)
        while True:
            if self._membership.role is Role.ACTIVE:
                await self._sweep()
            await anyio.sleep(EVERY_SECONDS)

    async def _sweep(self) -> None:
        try:
            if not await claim_retention(self._session, EVERY_SECONDS - 1):
                return
            removed = await sweep_all(self._session, self._retention)
        except RunbellError as error:
            if isinstance(error, StoreUnavailableError) and not isinstance(error, StatementAbortedError):
                raise
            # What is old can wait; answering cannot.
            log.error("sweep_failed", error=str(error))
            return
        for sensor, events in sorted(removed.lost.items()):
            log.warning("events_expired", sensor=sensor, events=events)
        if any(removed.rows.values()):
            log.info("old_rows_removed", **removed.rows)


async def sweep_all(
    session: Session, retention: Retention, pause: Callable[[float], Awaitable[None]] = anyio.sleep
) -> Removed:
    """Remove all that may go, a page at a time.

    Args:
        pause: called between pages with the seconds to leave the server alone.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    removed = Removed()
    for kind in KINDS:
        after, tries = None, 0
        while True:
            began = monotonic()
            try:
                swept = await sweep(session, kind, retention, after)
            except StatementAbortedError as error:
                tries += 1
                if tries == MOST_TRIES:
                    # The others are not to wait for a page that never ends in time.
                    log.error("sweep_failed", kind=kind, error=str(error))
                    break
                log.warning("sweep_repeated", kind=kind, error=str(error))
                await pause(BACKOFF_SECONDS)
                continue
            tries = 0
            removed.rows[kind] += swept.removed
            removed.lost.update(swept.lost)
            after = swept.after
            if after is None:
                break
            await pause(pause_after(monotonic() - began))
    return removed
