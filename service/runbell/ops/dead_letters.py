"""Puts an end to dead letters: which of them a command means, asking first, and saying what came of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import typer

from runbell.core.durations import seconds_of
from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.confirming import confirmed
from runbell.store.connections import Session
from runbell.store.dead_letters import FoundEvaluation, find_dead_letters, knows_sensor

# So many stand in one sentence.
NAMED = 10
# So many are ended by one statement, which must finish long before its time-out.
AT_ONCE = 5_000

End = Callable[[Session, Sequence[int]], Awaitable[list[int]]]


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
        if self.sensor_name is not None and not await knows_sensor(session, self.sensor_name):
            raise SettingsError(f"there is no sensor {self.sensor_name!r}")
        if not self.evaluation_ids:
            return await find_dead_letters(session, sensor_name=self.sensor_name, older_than=self.older_than)
        found = await find_dead_letters(session, self.evaluation_ids)
        dead = [one for one in found if one.state == "dead"]
        missing = sorted(set(self.evaluation_ids) - {one.evaluation_id for one in dead})
        if missing:
            raise SettingsError(f"there is no dead letter {_named(missing)}")
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


def put_an_end(database_url: str | None, chosen: Chosen, verb: str, done: str, end: End, *, yes: bool) -> None:
    """Find what is chosen, ask, and do it; what another command was faster with is said and not done twice."""
    chosen.check()
    found = ask(database_url, chosen.find)
    if verb == "retry":
        found = _callable(found)
    if not found:
        typer.echo("no dead letters")
        return
    if not confirmed(f"{verb} {_count(found)}", yes=yes):
        return
    ids = [one.evaluation_id for one in found]
    ended = ask(database_url, lambda session: _end(session, ids, end))
    typer.echo(f"{done} {len(ended)}")
    if late := sorted(set(ids) - set(ended)):
        typer.echo(f"no longer dead letters, and left alone: {_named(late)}")


async def _end(session: Session, ids: Sequence[int], end: End) -> list[int]:
    ended: list[int] = []
    for start in range(0, len(ids), AT_ONCE):
        ended += await end(session, ids[start : start + AT_ONCE])
    return ended


def _callable(found: Sequence[FoundEvaluation]) -> list[FoundEvaluation]:
    """Without those whose event is gone, which are named."""
    gone = [one.evaluation_id for one in found if not one.has_event]
    if gone:
        typer.echo(f"cannot be retried, since their events are gone: {_named(gone)}; drop them", err=True)
    return [one for one in found if one.has_event]


def _count(found: Sequence[FoundEvaluation]) -> str:
    """How many, of which sensors.

    Example:
        3 dead letters (alert 2, publish 1)
    """
    by_sensor = Counter(one.sensor_name for one in found).most_common()
    named = ", ".join(f"{name} {count}" for name, count in by_sensor[:NAMED])
    more = f" and {len(by_sensor) - NAMED} other sensors" if len(by_sensor) > NAMED else ""
    return f"{len(found)} dead letter{'s' if len(found) > 1 else ''} ({named}{more})"


def _named(ids: Sequence[int]) -> str:
    more = f" and {len(ids) - NAMED} others" if len(ids) > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more
