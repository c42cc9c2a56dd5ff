"""The right to launch one request, for as long as it is held."""

import anyio
import structlog

from runbell.core.errors import RunbellError, StoreUnavailableError
from runbell.core.queue import QueuedRequest
from runbell.store.connections import Session
from runbell.store.requests import renew_run_request

log = structlog.get_logger()


class ClaimLostError(RunbellError):
    """Another launcher has the request now, or an operator took it away."""


class Claim:
    """A claim on one request.

    Args:
        claimed_at: a moment before it was claimed, by this process's clock.
        hold_seconds: how long it lasts from then on, and from each renewal.
    """

    def __init__(self, session: Session, request: QueuedRequest, claimed_at: float, hold_seconds: float) -> None:
        self._session = session
        self._request = request
        self._renewed_at = claimed_at
        self._hold_seconds = hold_seconds

    async def keep(self) -> None:
        """Renew it until cancelled, or until lost: that does not end the launch, since half of one helps nobody."""
        held = True
        while held:
            await anyio.sleep(self._hold_seconds / 2)
            try:
                held = await self._renew()
            except StoreUnavailableError as error:
                log.warning("claim_not_renewed", request_id=self._request.request_id, error=str(error))

    async def confirm(self, seconds: float) -> None:
        """Nobody else gets the request within so many seconds; asks the database only where that may not be so.

        A process that was frozen for longer than its hold stops here.

        Raises:
            ClaimLostError: somebody else may have it already.
            StoreUnavailableError: the database cannot be reached.
        """
        if anyio.current_time() + seconds > self._renewed_at + self._hold_seconds and not await self._renew():
            raise ClaimLostError(f"the claim on request {self._request.request_id} was lost before its launch")

    async def _renew(self) -> bool:
        now = anyio.current_time()
        held = await renew_run_request(self._session, self._request, self._hold_seconds)
        if held:
            self._renewed_at = now
        return held
