"""What has been told of sensors that are in trouble, so that one process of many tells it, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class TroubleNotice:
    """What one notifier has to be told of one trouble of one sensor.

    Attributes:
        failures: how often telling it has failed in a row.
        told_before: it was told before that there is this trouble.
        error: the newest one that the sensor raised, if it is failing.
    """

    sensor_name: str
    kind: str
    notifier: str
    failures: int
    told_before: bool
    error: str | None


async def claim_troubles(
    session: Session,
    claim: UUID,
    notifiers: Sequence[str],
    troubles: Sequence[tuple[str, str]],
    *,
    hold_seconds: float,
    repeat_seconds: float,
    calm_seconds: float,
) -> list[TroubleNotice]:
    """What has to be told now of these troubles, each a sensor and a kind, by this process alone; by notifier."""
    names, kinds = [name for name, _ in troubles], [kind for _, kind in troubles]
    with translated():
        rows = await session.fetch(
            statement("claim_troubles"),
            claim,
            sorted(set(notifiers)),
            names,
            kinds,
            hold_seconds,
            repeat_seconds,
            calm_seconds,
        )
    return [TroubleNotice(*row.values()) for row in rows]


async def settle_troubles(session: Session, claim: UUID, notifier: str, *, told: bool, wait_seconds: float) -> None:
    """What was claimed for this notifier has been told; or not, and is tried again after so long."""
    with translated():
        await session.execute(statement("settle_troubles"), claim, notifier, told, wait_seconds)
