"""Does what a command was told to many rows: asks first, does it in portions, and says what came of it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.confirming import confirmed
from runbell.store.connections import Session
from runbell.store.dead_letters import knows_sensor

# So many stand in one sentence.
NAMED = 10
# So many are changed by one statement, which must finish long before its time-out.
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to rows.

    Attributes:
        verb: such as retry.
        done: such as retried.
        noun: what one of them is called, such as dead letter.
        only: what they must be for it, and are no longer when somebody was faster.
        change: does it, and gives the ids of those that it was done to.
    """

    verb: str
    done: str
    noun: str
    only: str
    change: Callable[[Session, Sequence[int]], Awaitable[list[int]]]

    def carry_out(self, url: str, found: Mapping[int, str], *, yes: bool) -> None:
        """Ask, and do it; what somebody else was faster with is said and left alone.

        Args:
            found: the sensors' names by the ids of their rows; not empty.

        Raises:
            SettingsError: there is nobody to ask.
        """
        if not confirmed(f"{self.verb} {counted(found, self.noun)}", yes=yes):
            return
        changed = ask(url, lambda session: self._change(session, list(found)))
        typer.echo(f"{self.done} {len(changed)}")
        if late := sorted(found.keys() - set(changed)):
            typer.echo(f"no longer {self.only}, and left alone: {named(late)}")

    async def _change(self, session: Session, ids: Sequence[int]) -> list[int]:
        changed: list[int] = []
        for start in range(0, len(ids), AT_ONCE):
            changed += await self.change(session, ids[start : start + AT_ONCE])
        return changed


async def require_sensor(session: Session, sensor_name: str | None) -> None:
    """Is there a sensor of this name, or one that left something behind? None: no sensor is meant.

    Raises:
        SettingsError: there is none.
    """
    if sensor_name is not None and not await knows_sensor(session, sensor_name):
        raise SettingsError(f"there is no sensor {sensor_name!r}")


def counted(found: Mapping[int, str], noun: str) -> str:
    """How many, of which sensors.

    Example:
        >>> counted({1: "alert", 2: "publish", 3: "alert"}, "dead letter")
        '3 dead letters (alert 2, publish 1)'
    """
    by_sensor = Counter(found.values()).most_common()
    sensors = ", ".join(f"{name} {count}" for name, count in by_sensor[:NAMED])
    more = f" and {len(by_sensor) - NAMED} other sensors" if len(by_sensor) > NAMED else ""
    return f"{len(found)} {noun}{'s' if len(found) > 1 else ''} ({sensors}{more})"


def named(ids: Sequence[int]) -> str:
    """The first of them, and how many others there are.

    Example:
        >>> named([3, 5])
        '3, 5'
    """
    more = f" and {len(ids) - NAMED} others" if len(ids) > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more
