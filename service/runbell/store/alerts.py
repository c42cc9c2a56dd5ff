"""What alert sensors have sent, so that one of many processes sends an alert, and not again within its window."""

from runbell.core.muting import Claim
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


async def claim_alert(
    session: Session, sensor_name: str, alert_key: str, evaluation: str, window_seconds: float, hold_seconds: float
) -> Claim:
    """Asks to send an alert; what is granted is to be settled within `hold_seconds`."""
    with translated():
        row = await session.fetchrow(
            statement("claim_alert"), sensor_name, alert_key, evaluation, window_seconds, hold_seconds
        )
    assert row is not None  # noqa: S101 - inserted or updated, it is returned
    return Claim(*row.values())


async def settle_alert(
    session: Session, sensor_name: str, alert_key: str, evaluation: str, keep_seconds: float, *, sent: bool
) -> None:
    """It was sent; or it was not, and the next evaluation may try. Rows older than `keep_seconds` are forgotten."""
    with translated():
        await session.execute(statement("settle_alert"), sensor_name, alert_key, evaluation, sent, keep_seconds)
