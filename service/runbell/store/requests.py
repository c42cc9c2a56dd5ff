"""The queue of run requests, as launchers and operators see it."""

from collections.abc import Sequence

from runbell.core.queue import QueuedRequest
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.statements import statement

STATES = ("pending", "claimed", "launched", "failed", "canceled")


async def claim_run_requests(
    session: Session, *, consumer: str, max_requests: int, hold_seconds: float, targets: Sequence[str] | None
) -> list[QueuedRequest]:
    """Take up to `max_requests` open requests for these targets (None: for any), oldest first.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    given = None if targets is None else list(targets)
    with translated():
        rows = await session.fetch(statement("claim_run_requests"), consumer, max_requests, hold_seconds, given)
    return [QueuedRequest(**row) for row in rows]


async def renew_run_request(session: Session, request: QueuedRequest, hold_seconds: float) -> bool:
    """Prolong a claim; False: it was lost."""
    with translated():
        held: bool = await session.fetchval(
            statement("renew_run_request"), request.request_id, request.attempts, hold_seconds
        )
    return held


async def complete_run_request(session: Session, request: QueuedRequest, run_id: str) -> bool:
    """Report the run that was started; False: the claim was lost, nothing changed.

    Raises:
        StatementRefusedError: the run id cannot be stored.
        StoreUnavailableError: the database cannot be reached.
    """
    with translated():
        held: bool = await session.fetchval(
            statement("complete_run_request"), request.request_id, request.attempts, run_id
        )
    return held


async def fail_run_request(
    session: Session, request: QueuedRequest, error: str, retry_in_seconds: float | None
) -> bool:
    """Report that no run could be started; with a time it is tried again then. False: the claim was lost."""
    with translated():
        held: bool = await session.fetchval(
            statement("fail_run_request"), request.request_id, request.attempts, error, retry_in_seconds
        )
    return held


async def list_run_requests(
    session: Session, *, state: str | None, sensor_name: str | None, limit: int
) -> list[Listed]:
    """The newest requests, of one state or one sensor where given."""
    with translated():
        rows = await session.fetch(statement("list_run_requests"), state, sensor_name, limit)
    return listed(rows)
