"""How soon a process that ended by itself is started again, and whom it is blamed on when it keeps ending."""

from collections.abc import Iterable
from dataclasses import dataclass, field

# Ends that lie further back than this are forgotten.
REMEMBERED_SECONDS = 60.0
# So many are made good at once: a bad day's offenders may all block for the first time within one minute.
FREE_ENDS = 10
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
# A sensor whose function was running at so many ends out of the remembered ones caused them.
BLAMED_AFTER = 2
BLAME_SECONDS = 600.0


@dataclass(slots=True)
class Crashes:
    """The ends of workers that nobody asked for.

    Example:
        >>> crashes = Crashes()
        >>> waits = [crashes.ended(0.1 * count) for count in range(12)]
        >>> waits[9:]
        [0.0, 0.5, 1.0]
    """

    _ends: list[float] = field(default_factory=list)
    _seen: dict[str, list[float]] = field(default_factory=dict)

    def ended(self, now: float) -> float:
        """A worker ended; gives the seconds to wait before another is started in its place."""
        self._ends = [*(moment for moment in self._ends if now - moment < REMEMBERED_SECONDS), now]
        beyond = len(self._ends) - FREE_ENDS
        return 0.0 if beyond <= 0 else float(min(FIRST_WAIT_SECONDS * 2 ** min(beyond - 1, 30), LONGEST_WAIT_SECONDS))

    def blamed(self, running: Iterable[str], now: float) -> list[str]:
        """Of the sensors whose functions were running at an end, those for which that is no accident any more."""
        found = []
        for name in dict.fromkeys(running):
            seen = [*(moment for moment in self._seen.get(name, ()) if now - moment < BLAME_SECONDS), now]
            self._seen[name] = seen
            if len(seen) >= BLAMED_AFTER:
                found.append(name)
        return found
