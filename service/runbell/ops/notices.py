"""Tells the operator of dead letters: once when a sensor gets its first, and from time to time while there are any."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from runbell.ops.masking import mask
from runbell.ops.notifiers import read_notifiers
from runbell.ops.settings import Settings
from runbell.ops.telling import ERROR_CHARACTERS, HOLD_SECONDS, NAMED, Letter, Teller, letters_of
from runbell.ops.trouble_notices import LOOK_SECONDS as TROUBLES_LOOK_SECONDS
from runbell.ops.trouble_notices import TroubleNotices
from runbell.store.connections import Session
from runbell.store.notices import Notice, claim_notices, settle_notices

LOOK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Notices:
    """Dead letters, as a subject. `repeat_seconds`: they are told of again after so long."""

    repeat_seconds: float
    read_seconds: float = 10.0

    async def claim(self, session: Session, claim: UUID, notifiers: Sequence[str]) -> list[Letter]:
        """What has to be told now."""
        claimed = await claim_notices(
            session, claim, notifiers, hold_seconds=HOLD_SECONDS, repeat_seconds=self.repeat_seconds
        )
        return letters_of(claimed, message)

    async def settle(self, session: Session, claim: UUID, notifier: str, *, told: bool, wait_seconds: float) -> None:
        """It has been told, or not."""
        await settle_notices(session, claim, notifier, told=told, wait_seconds=wait_seconds)


def notices_of(settings: Settings) -> list[Teller]:
    """What tells the operator, as the settings say; nothing if nobody is to be told.

    Raises:
        SettingsError: one of the URLs cannot be understood.
    """
    notifiers = read_notifiers(settings.notify_urls)
    if not notifiers:
        return []
    url, repeat = settings.database_url, settings.notify_interval_seconds
    troubles = TroubleNotices(settings.notify_after_seconds, repeat)
    return [
        Teller(url, notifiers, Notices(repeat), look_seconds=LOOK_SECONDS),
        Teller(url, notifiers, troubles, look_seconds=TROUBLES_LOOK_SECONDS),
    ]


def message(notices: Sequence[Notice]) -> tuple[str, str]:
    """The title and the body of what is told of these sensors.

    Example:
        >>> message([Notice("alert", "n", 0, False, 1, "r1", "etl", "FAILURE", "Traceback\\nOSError: away")])[0]
        "Runbell: sensor 'alert' has dead letters"
    """
    still = "still has" if all(notice.told_before for notice in notices) else "has"
    if len(notices) == 1:
        title = f"Runbell: sensor {notices[0].sensor_name!r} {still} dead letters"
    else:
        title = f"Runbell: {len(notices)} sensors {still.replace('has', 'have')} dead letters"
    lines = [_line(notice) for notice in notices[:NAMED]]
    if len(notices) > NAMED:
        lines.append(f"... and {len(notices) - NAMED} other sensors")
    lines.append("`runbell dead-letters list` shows them, `retry` calls the sensors again.")
    return title, mask("\n".join(lines))


def _line(notice: Notice) -> str:
    count = f"{notice.dead} or more" if notice.dead >= 1000 else str(notice.dead)
    newest = "an event that is gone"
    if notice.run_id is not None:
        newest = f"run {notice.run_id} of {notice.job_name} ({notice.status})"
    error = (notice.error or "").strip().splitlines()[-1:] or ["no error kept"]
    return f"{notice.sensor_name}: {count} given up, the newest for {newest}: {error[0][:ERROR_CHARACTERS]}"
