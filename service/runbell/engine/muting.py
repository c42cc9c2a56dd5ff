"""Remembers in the database what alert sensors have sent: for every process, and over restarts."""

from dataclasses import dataclass

from runbell.alerts.deliveries import Deliveries
from runbell.core.muting import Claim
from runbell.engine.calling import wait_in_thread
from runbell.store.alerts import claim_alert, settle_alert
from runbell.store.connections import Pool

# Longer than sending takes. Who died while sending finds its own claim again, so nobody waits for this but others.
HOLD_SECONDS = 120.0
KEPT_SECONDS = 30 * 86_400.0
# A lost session ends a term, and with it an AlertMemory; who was told was told nevertheless.
DELIVERIES = Deliveries()


@dataclass(frozen=True, slots=True)
class StoredMemory:
    """An AlertMemory, asked in the threads of plain functions."""

    pool: Pool
    deliveries: Deliveries

    def claim(self, sensor_name: str, alert_key: str, evaluation: str, window_seconds: float) -> Claim:
        claim: Claim = wait_in_thread(
            claim_alert, self.pool, sensor_name, alert_key, evaluation, window_seconds, HOLD_SECONDS
        )
        return claim

    def settle(self, sensor_name: str, alert_key: str, evaluation: str, window_seconds: float, *, sent: bool) -> None:
        async def settle() -> None:
            kept = max(window_seconds, KEPT_SECONDS)
            await settle_alert(self.pool, sensor_name, alert_key, evaluation, kept, sent=sent)

        wait_in_thread(settle)
