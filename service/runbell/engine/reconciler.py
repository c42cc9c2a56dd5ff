"""The second wall of capture: records every status change of an attached orchestrator that its trigger missed."""

import anyio
import structlog

from runbell.core.errors import RunbellError, StatementAbortedError, StoreUnavailableError
from runbell.core.leases import Role
from runbell.engine.membership import Membership
from runbell.sources.attached import AttachedSource, read_attached
from runbell.sources.reconciling import close_gaps
from runbell.store.connections import Pool

log = structlog.get_logger()
# With a trigger the gaps are rare; without, this is the only capture there is.
WITH_TRIGGER_SECONDS = 60.0
WITHOUT_TRIGGER_SECONDS = 1.0


class Reconciler:
    """Compares each attached source with what was captured: at start, on reconnect, and from then on regularly."""

    def __init__(self, pool: Pool, membership: Membership) -> None:
        self._pool = pool
        self._membership = membership

    async def run(self) -> None:
        """Compare for ever; ends only with the term. A stand-by leaves it to others until it is promoted."""
        if self._membership.role is not Role.ACTIVE:
            await self._membership.promoted.wait()
        while True:
            pause = await self._compare()
            await anyio.sleep(pause)

    async def _compare(self) -> float:
        """Compare once; gives the seconds until the next time."""
        sources = await read_attached(self._pool)
        for source in sources:
            await self._close_gaps(source)
        without_trigger = any(not source.trigger for source in sources)
        return WITHOUT_TRIGGER_SECONDS if without_trigger else WITH_TRIGGER_SECONDS

    async def _close_gaps(self, source: AttachedSource) -> None:
        try:
            count = await close_gaps(self._pool, source)
        except RunbellError as error:
            if isinstance(error, StoreUnavailableError) and not isinstance(error, StatementAbortedError):
                raise
            # Its tables have changed, are locked, or may not be read: that source is reported, the others go on.
            log.error("capture_check_failed", source=source.source, error=str(error))
            return
        if count and source.trigger:
            log.warning("capture_gap_closed", source=source.source, count=count)
