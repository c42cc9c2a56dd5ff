"""Tells the operator of sensors that fail, lag or are evaluated by nobody: once, and again while it lasts.

What was told stands in the database: of several processes one tells it, and a restart tells nothing again.
"""

from collections.abc import Mapping, Sequence
from itertools import groupby
from uuid import UUID, uuid4

import anyio
import structlog

from runbell.alerts.notifier import Notifier
from runbell.core.troubles import Trouble, troubles
from runbell.ops.masking import mask
from runbell.ops.notifiers import digests_of
from runbell.ops.telling import FIRST_BACKOFF_SECONDS, NAMED, SEND_SECONDS, tell
from runbell.store import connections
from runbell.store.overview import SensorState, read_sensor_states
from runbell.store.troubles import TroubleNotice, claim_troubles, settle_troubles

log = structlog.get_logger()
LOOK_SECONDS = 30.0
READ_SECONDS = 15.0
# A trouble that has been gone for so long is news when it comes back.
CALM_SECONDS = 600.0
ERROR_CHARACTERS = 300

Found = Mapping[tuple[str, str], Trouble]


class TroubleNotices:
    """Looks for what has to be told, and tells it."""

    def __init__(
        self,
        database_url: str,
        notifiers: Sequence[Notifier],
        *,
        after_seconds: float,
        repeat_seconds: float,
        look_seconds: float = LOOK_SECONDS,
        calm_seconds: float = CALM_SECONDS,
        first_backoff_seconds: float = FIRST_BACKOFF_SECONDS,
    ) -> None:
        self._url = database_url
        self._notifiers = {notifier.digest: notifier for notifier in notifiers}
        self._after_seconds = after_seconds
        self._repeat_seconds = repeat_seconds
        self._look_seconds = look_seconds
        self._calm_seconds = calm_seconds
        self._first_backoff = first_backoff_seconds
        # Since when this process has seen each trouble, without a look that did not.
        self._since: dict[tuple[str, str], float] = {}
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
                found = self._lasting(await read_sensor_states(session))
                claimed = await claim_troubles(
                    session,
                    claim,
                    digests_of(list(self._notifiers.values())),
                    list(found),
                    hold_seconds=2 * SEND_SECONDS,
                    repeat_seconds=self._repeat_seconds,
                    calm_seconds=self._calm_seconds,
                )
            finally:
                session.terminate()
        told: dict[str, float | None] = {}
        async with anyio.create_task_group() as tasks:
            for digest, notices in groupby(claimed, key=lambda notice: notice.notifier):
                tasks.start_soon(self._tell, self._notifiers[digest], list(notices), found, told)
        if told:
            await self._settle(claim, told)

    def _lasting(self, states: Sequence[SensorState]) -> Found:
        """The troubles that have lasted for long enough: by themselves, or by when they were first seen here."""
        now = anyio.current_time()
        # Those that say for how long they last are asked for what lasts long enough, the others for all.
        seen = {
            (state.sensor_name, trouble.kind): trouble
            for state in states
            for trouble in troubles(state, after_seconds=self._after_seconds)
        }
        self._since = {key: self._since.get(key, now) for key in seen}
        return {
            key: trouble
            for key, trouble in seen.items()
            if trouble.kind in {"failing", "behind"} or now - self._since[key] >= self._after_seconds
        }

    async def _tell(
        self, notifier: Notifier, notices: Sequence[TroubleNotice], found: Found, told: dict[str, float | None]
    ) -> None:
        told[notifier.digest] = await tell(
            notifier,
            message(notices, found),
            sorted({notice.sensor_name for notice in notices}),
            failures=max(notice.failures for notice in notices),
            first_backoff_seconds=self._first_backoff,
        )

    async def _settle(self, claim: UUID, told: dict[str, float | None]) -> None:
        with anyio.fail_after(READ_SECONDS):
            session = await connections.connect(self._url, role="notices")
            try:
                for digest, wait in told.items():
                    await settle_troubles(session, claim, digest, told=wait is None, wait_seconds=wait or 0.0)
            finally:
                session.terminate()


def message(notices: Sequence[TroubleNotice], found: Found) -> tuple[str, str]:
    """The title and the body of what is told of these troubles.

    Example:
        >>> found = {("alert", "behind"): Trouble("behind", "it is 2 min behind; 7 events wait")}
        >>> message([TroubleNotice("alert", "behind", "n", 0, False, None)], found)[0]
        "Runbell: sensor 'alert' is behind"
    """
    names = sorted({notice.sensor_name for notice in notices})
    still = "still " if all(notice.told_before for notice in notices) else ""
    if len(names) == 1:
        title = f"Runbell: sensor {names[0]!r} is {still}{' and '.join(notice.kind for notice in notices)}"
    else:
        title = f"Runbell: {len(names)} sensors are {still}in trouble"
    lines = [_line(notice, found) for notice in notices[:NAMED]]
    if len(notices) > NAMED:
        lines.append(f"... and {len(notices) - NAMED} other troubles")
    lines.append("`runbell status` shows how all sensors stand.")
    return title, mask("\n".join(lines))


def _line(notice: TroubleNotice, found: Found) -> str:
    said = f"{notice.sensor_name}: {found[notice.sensor_name, notice.kind].words}"
    raised = (notice.error or "").strip().splitlines()[-1:]
    return f"{said}; the newest error: {raised[0][:ERROR_CHARACTERS]}" if raised else said
