"""The queue of run requests, as launchers and operators see it."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class FoundRequest:
    """A request that a command is about. `held`: a launcher may be starting it at this moment."""

    request_id: int
    sensor_name: str
    state: str
    claimed_by: str | None
    held: bool


async def find_run_requests(
    session: Session,
    request_ids: Sequence[int] | None = None,
    *,
    states: Sequence[str] = (),
    sensor_name: str | None = None,
) -> list[FoundRequest]:
    """The requests of these ids, whatever their state; without ids those of these states, of a sensor."""
    ids = None if request_ids is None else list(request_ids)
    with translated():
        rows = await session.fetch(statement("find_run_requests"), ids, list(states), sensor_name)
    return [FoundRequest(*row.values()) for row in rows]


async def retry_run_requests(session: Session, request_ids: Sequence[int]) -> list[int]:
    """Put failed and canceled requests back into the queue; the ids of those that still were so."""
    with translated():
        rows = await session.fetch(statement("retry_run_requests"), list(request_ids))
    return [row["request_id"] for row in rows]


async def cancel_run_requests(session: Session, request_ids: Sequence[int]) -> list[int]:
    """Take requests out of the queue; the ids of those that nobody held."""
    with translated():
        rows = await session.fetch(statement("cancel_run_requests"), list(request_ids))
    return [row["request_id"] for row in rows]
