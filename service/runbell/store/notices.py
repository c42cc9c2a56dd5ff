"""What has been told of sensors with dead letters, so that one process of many tells it, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Notice:
    """What one notifier has to be told of one sensor.

    Attributes:
        failures: how often telling it has failed in a row.
        told_before: it was told before that there are some.
        dead: dead letters, counted up to a thousand.
        run_id, job_name, status, error: of the newest; None if the event is gone.
    """

    sensor_name: str
    notifier: str
    failures: int
    told_before: bool
    dead: int
    run_id: str | None
    job_name: str | None
    status: str | None
    error: str | None


async def claim_notices(
    session: Session, claim: UUID, notifiers: Sequence[str], *, hold_seconds: float, repeat_seconds: float
) -> list[Notice]:
    """What has to be told now, by this process alone for `hold_seconds`; by notifier."""
    with translated():
        rows = await session.fetch(
            statement("claim_notices"), claim, sorted(set(notifiers)), hold_seconds, repeat_seconds
        )
    return [Notice(*row.values()) for row in rows]


async def settle_notices(session: Session, claim: UUID, notifier: str, *, told: bool, wait_seconds: float) -> None:
    """What was claimed for this notifier has been told; or not, and is tried again after so long."""
    with translated():
        await session.execute(statement("settle_notices"), claim, notifier, told, wait_seconds)
