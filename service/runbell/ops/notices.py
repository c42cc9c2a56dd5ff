"""Tells the operator of dead letters: once when a sensor gets its first, and from time to time while there are any.

What was told stands in the database: of several processes one tells it, and a restart tells nothing again.
"""

from collections.abc import Sequence
from itertools import groupby
from uuid import UUID, uuid4

import anyio
import structlog

from runbell.alerts.notifier import Notifier
from runbell.ops.masking import mask
from runbell.ops.notifiers import digests_of, read_notifiers
from runbell.ops.settings import Settings
from runbell.ops.telling import FIRST_BACKOFF_SECONDS, NAMED, SEND_SECONDS, tell
from runbell.ops.trouble_notices import TroubleNotices
from runbell.store import connections
from runbell.store.notices import Notice, claim_notices, settle_notices

log = structlog.get_logger()
LOOK_SECONDS = 15.0
# Longer than sending may take: nobody else begins meanwhile.
HOLD_SECONDS = 2 * SEND_SECONDS
READ_SECONDS = 10.0
ERROR_CHARACTERS = 300


class Notices:
    """Looks for what has to be told, and tells it."""

    def __init__(
        self,
        database_url: str,
        notifiers: Sequence[Notifier],
        *,
        repeat_seconds: float,
        look_seconds: float = LOOK_SECONDS,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self._url = database_url
        self._notifiers = {notifier.digest: notifier for notifier in notifiers}
        self._repeat_seconds = repeat_seconds
        self._look_seconds = look_seconds
        self._first_backoff = first_backoff_seconds
        self._failing = False

    async def run(self) -> None:
        """Look for ever. Without the database there is nothing to tell, and nothing else waits for this."""
        while True:
            try:
                await self._look()
                self._failing = False
            # Whatever it is: telling is an extra, and must not end the process that evaluates.
            except Exception as error:  # noqa: BLE001
                if not self._failing:
                    log.warning("notices_not_read", error=str(error) or "the database takes too long")
                self._failing = True
            await anyio.sleep(self._look_seconds)

    async def _look(self) -> None:
        claim = uuid4()
        with anyio.fail_after(READ_SECONDS):
            session = await connections.connect(self._url, role="notices")
            try:
                claimed = await claim_notices(
                    session,
                    claim,
                    digests_of(list(self._notifiers.values())),
                    hold_seconds=HOLD_SECONDS,
                    repeat_seconds=self._repeat_seconds,
                )
            finally:
                session.terminate()
        told: dict[str, float | None] = {}
        async with anyio.create_task_group() as tasks:
            for digest, notices in groupby(claimed, key=lambda notice: notice.notifier):
                tasks.start_soon(self._tell, self._notifiers[digest], list(notices), told)
        if told:
            await self._settle(claim, told)

    async def _tell(self, notifier: Notifier, notices: Sequence[Notice], told: dict[str, float | None]) -> None:
        """Send one message; writes into `told` None, or after how many seconds it should be tried again."""
        told[notifier.digest] = await tell(
            notifier,
            message(notices),
            [notice.sensor_name for notice in notices],
            failures=max(notice.failures for notice in notices),
            first_backoff_seconds=self._first_backoff,
        )

    async def _settle(self, claim: UUID, told: dict[str, float | None]) -> None:
        with anyio.fail_after(READ_SECONDS):
            session = await connections.connect(self._url, role="notices")
            try:
                for digest, wait in told.items():
                    await settle_notices(session, claim, digest, told=wait is None, wait_seconds=wait or 0.0)
            finally:
                session.terminate()


def notices_of(settings: Settings) -> list[Notices | TroubleNotices]:
    """What tells the operator, as the settings say; nothing if nobody is to be told.

    Raises:
        SettingsError: one of the URLs cannot be understood.
    """
    notifiers = read_notifiers(settings.notify_urls)
    if not notifiers:
        return []
    repeat = settings.notify_interval_seconds
    return [
        Notices(settings.database_url, notifiers, repeat_seconds=repeat),
        TroubleNotices(
            settings.database_url, notifiers, after_seconds=settings.notify_after_seconds, repeat_seconds=repeat
        ),
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
