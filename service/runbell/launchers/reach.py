"""Whether the orchestrator answers. While it does not, one request at a time finds out, and the others wait."""

from collections.abc import Callable

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


class Reach:
    """What is known of it, by a clock that is given.

    Example:
        >>> reach = Reach(lambda: 100.0)
        >>> reach.room(8, in_flight=3)
        5
        >>> reach.lost()
        0.5
        >>> reach.room(8, in_flight=3), reach.wait()
        (0, 0.5)
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wait = 0.0
        self._until = 0.0

    @property
    def away(self) -> bool:
        return self._wait > 0

    def lost(self) -> float:
        """It did not answer; gives the seconds after which to ask again."""
        now = self._clock()
        if now >= self._until:
            # Those that were asked together have failed together: that is one failure.
            self._wait = min(max(self._wait * 2, FIRST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)
            self._until = now + self._wait
        return self._until - now

    def answered(self) -> None:
        """It did answer, whatever it said."""
        self._wait = self._until = 0.0

    def wait(self) -> float:
        """Seconds until it may be asked."""
        return max(self._until - self._clock(), 0.0)

    def room(self, limit: int, *, in_flight: int) -> int:
        """How many more requests may be launched now."""
        if not self.away:
            return limit - in_flight
        return 0 if in_flight or self.wait() else 1
