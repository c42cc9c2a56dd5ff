"""Which sensors are evaluated apart from the others, because their functions blocked a worker, and for how long.

An offender comes back when it has behaved: long enough without another offence, and called at least once in that time.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

# How long after its last offence a sensor may come back; it doubles with each time that it had to go.
FIRST_SECONDS = 300.0
LONGEST_SECONDS = 3600.0
# A process of its own for each of so many offenders. Beyond that they share.
MOST_PROCESSES = 4


@dataclass(slots=True)
class _Stay:
    times: int = 1
    offended_at: float = 0.0
    evaluations: int = 0
    inside: bool = True

    @property
    def seconds(self) -> float:
        return float(min(FIRST_SECONDS * 2 ** (min(self.times, 30) - 1), LONGEST_SECONDS))


@dataclass(slots=True)
class Isolation:
    """The offenders of one deployment.

    Example:
        >>> isolation = Isolation()
        >>> isolation.offended("slow", 0.0)
        >>> isolation.evaluated("slow", 1)
        >>> isolation.behaved(299.0), isolation.behaved(300.0)
        ([], ['slow'])
    """

    _stays: dict[str, _Stay] = field(default_factory=dict)

    @property
    def apart(self) -> frozenset[str]:
        """Who is apart now."""
        return frozenset(name for name, stay in self._stays.items() if stay.inside)

    def offended(self, sensor_name: str, now: float) -> None:
        """It blocked: it goes apart, or, being there, stays longer."""
        stay = self._stays.get(sensor_name)
        if stay is None:
            self._stays[sensor_name] = _Stay(offended_at=now)
            return
        if not stay.inside:
            stay.times += 1
        stay.inside, stay.offended_at, stay.evaluations = True, now, 0

    def evaluated(self, sensor_name: str, count: int) -> None:
        """It was called so often, apart, without blocking."""
        stay = self._stays.get(sensor_name)
        if stay is not None and stay.inside:
            stay.evaluations += count

    def behaved(self, now: float) -> list[str]:
        """Those that may come back; the caller says `returned` when they did."""
        return sorted(
            name
            for name, stay in self._stays.items()
            if stay.inside and stay.evaluations > 0 and now - stay.offended_at >= stay.seconds
        )

    def returned(self, sensor_name: str) -> None:
        """It is evaluated with the others again. What it did is remembered."""
        self._stays[sensor_name].inside = False


def place_offender(hosts: Collection[Collection[str]]) -> int | None:
    """Which of the processes apart takes one more offender, given who is in each; None: a new one does.

    Example:
        >>> place_offender([{"a"}, {"b", "c"}]), place_offender([{"a"}, {"b"}, {"c", "d"}, {"e"}])
        (None, 0)
    """
    if len(hosts) < MOST_PROCESSES:
        return None
    sizes = [len(names) for names in hosts]
    return sizes.index(min(sizes))
