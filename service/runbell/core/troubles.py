"""What is wrong with a sensor, as far as how it stands shows it, in words for whoever has to do something about it."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from runbell.core.durations import spoken

Kind: TypeAlias = Literal["orphaned", "unowned", "failing", "behind"]


class Standing(Protocol):
    """How a sensor stands."""

    @property
    def active(self) -> bool: ...
    @property
    def orphaned(self) -> bool: ...
    @property
    def owned(self) -> bool: ...
    @property
    def failing_seconds(self) -> float: ...
    @property
    def lag_seconds(self) -> float: ...
    @property
    def lag_events(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong.

    Attributes:
        kind: stays the same for as long as it is the same trouble.
        words: a sentence without the sensor's name.
    """

    kind: Kind
    words: str


def troubles(sensor: Standing, *, after_seconds: float = 1.0) -> list[Trouble]:
    """What is wrong with a sensor and has been for so long; what matters most comes first.

    One that was stopped has no troubles: whoever stopped it knows. Of an orphaned one, that nobody evaluates it and how
    far it is behind says nothing more.

    Example:
        >>> from types import SimpleNamespace as Sensor
        >>> ill = Sensor(active=True, orphaned=False, owned=True, failing_seconds=90.0, lag_seconds=0.0, lag_events=0)
        >>> [trouble.kind for trouble in troubles(ill, after_seconds=60)]
        ['failing']
    """
    if not sensor.active:
        return []
    if sensor.orphaned:
        return [Trouble("orphaned", "its module is deployed without it, so nobody evaluates it")]
    found = []
    if not sensor.owned:
        found.append(Trouble("unowned", "no daemon evaluates it"))
    if sensor.failing_seconds >= after_seconds:
        found.append(Trouble("failing", f"it has been failing for {spoken(sensor.failing_seconds)}"))
    if sensor.lag_events and sensor.lag_seconds >= after_seconds:
        events = "1 event waits" if sensor.lag_events == 1 else f"{sensor.lag_events} events wait"
        found.append(Trouble("behind", f"it is {spoken(sensor.lag_seconds)} behind; {events}"))
    return found
