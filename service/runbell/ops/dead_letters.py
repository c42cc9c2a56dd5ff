"""Puts an end to dead letters: which of them a command means, asking first, and saying what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import typer

from runbell.core.durations import seconds_of
from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.changing import Change, named, require_sensor
from runbell.store.connections import Session
from runbell.store.dead_letters import FoundEvaluation, drop_dead_letters, find_dead_letters, retry_dead_letters

RETRY = Change("retry", "retried", "dead letter", "dead letters", retry_dead_letters)
DROP = Change("drop", "dropped", "dead letter", "dead letters", drop_dead_letters)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a command was told: ids, or a sensor and an age, or all."""

    evaluation_ids: Sequence[int]
    sensor_name: str | None
    older_than: float | None
    all: bool

    def check(self) -> None:
        """Is it clear what is meant?

        Raises:
            SettingsError: it says nothing, or two things.
        """
        rest = self.sensor_name is not None or self.older_than is not None or self.all
        if self.evaluation_ids and rest:
            raise SettingsError("give ids, or say which with --sensor, --older-than or --all, but not both")
        if not self.evaluation_ids and not rest:
            raise SettingsError("say which: ids as `runbell dead-letters list` shows them, --sensor NAME, or --all")
        if self.all and self.sensor_name is not None:
            raise SettingsError("--all and --sensor say two things: give one of them")

    async def find(self, session: Session) -> list[FoundEvaluation]:
        """The dead letters that are meant.

        Raises:
            SettingsError: an id is not that of a dead letter, or there is no such sensor.
        """
        await require_sensor(session, self.sensor_name)
        if not self.evaluation_ids:
            return await find_dead_letters(session, sensor_name=self.sensor_name, older_than=self.older_than)
        found = await find_dead_letters(session, self.evaluation_ids)
        dead = [one for one in found if one.state == "dead"]
        missing = sorted(set(self.evaluation_ids) - {one.evaluation_id for one in dead})
        if missing:
            raise SettingsError(f"there is no dead letter {named(missing)}")
        return dead


def age_of(written: str | None) -> float | None:
    """The seconds of an option that takes a length of time.

    Raises:
        SettingsError: it is none.
    """
    try:
        return None if written is None else seconds_of(written)
    except ValueError as error:
        raise SettingsError(f"--older-than: {error}") from None


def put_an_end(url: str, chosen: Chosen, change: Change, *, yes: bool) -> None:
    """Find what is chosen, ask, and do it; what another command was faster with is said and not done twice."""
    chosen.check()
    found = ask(url, chosen.find)
    if change is RETRY:
        found = _callable(found)
    if not found:
        typer.echo("no dead letters")
        return
    change.carry_out(url, {one.evaluation_id: one.sensor_name for one in found}, yes=yes)


def _callable(found: Sequence[FoundEvaluation]) -> list[FoundEvaluation]:
    """Without those whose event is gone, which are named."""
    gone = [one.evaluation_id for one in found if not one.has_event]
    if gone:
        typer.echo(f"cannot be retried, since their events are gone: {named(gone)}; drop them", err=True)
    return [one for one in found if one.has_event]
