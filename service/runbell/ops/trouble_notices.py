"""Tells the operator of sensors that fail, lag or are evaluated by nobody: once, and again while it lasts."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from runbell.core.troubles import Trouble, troubles
from runbell.ops.masking import mask
from runbell.ops.telling import ERROR_CHARACTERS, HOLD_SECONDS, NAMED, Letter, letters_of
from runbell.store.connections import Session
from runbell.store.overview import SensorState, read_sensor_states
from runbell.store.troubles import TroubleNotice, claim_troubles, settle_troubles

LOOK_SECONDS = 30.0
# A trouble that has been gone for so long is news when it comes back.
CALM_SECONDS = 600.0

Found = Mapping[tuple[str, str], Trouble]


@dataclass(slots=True)
class TroubleNotices:
    """Troubles, as a subject: those that last for `after_seconds`, and again after `repeat_seconds`."""

    after_seconds: float
    repeat_seconds: float
    calm_seconds: float = CALM_SECONDS
    read_seconds: float = 15.0
    # Since when this process has seen each trouble, without a look that did not.
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    async def claim(self, session: Session, claim: UUID, notifiers: Sequence[str]) -> list[Letter]:
        """What has to be told now."""
        found = self._lasting(await read_sensor_states(session))
        claimed = await claim_troubles(
            session,
            claim,
            notifiers,
            list(found),
            hold_seconds=HOLD_SECONDS,
            repeat_seconds=self.repeat_seconds,
            calm_seconds=self.calm_seconds,
        )
        return letters_of(claimed, partial(message, found=found))

    async def settle(self, session: Session, claim: UUID, notifier: str, *, told: bool, wait_seconds: float) -> None:
        """It has been told, or not."""
        await settle_troubles(session, claim, notifier, told=told, wait_seconds=wait_seconds)

    def _lasting(self, states: Sequence[SensorState]) -> Found:
        """The troubles that have lasted for long enough: by themselves, or by when they were first seen here."""
        now = time.monotonic()
        # Those that say for how long they last are asked for what lasts long enough, the others for all.
        seen = {
            (state.sensor_name, trouble.kind): trouble
            for state in states
            for trouble in troubles(state, after_seconds=self.after_seconds)
        }
        self._since = {key: self._since.get(key, now) for key in seen}
        return {
            key: trouble
            for key, trouble in seen.items()
            if trouble.kind in {"failing", "behind"} or now - self._since[key] >= self.after_seconds
        }


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
