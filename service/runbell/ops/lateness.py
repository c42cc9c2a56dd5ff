"""How late an event loop was at worst: what it should have done at a time and did later."""

from dataclasses import dataclass

# The worst is kept for one to two of these.
WINDOW_SECONDS = 60.0


@dataclass(slots=True)
class Lateness:
    """The worst of the last minute or two.

    Example:
        >>> late = Lateness()
        >>> late.note(0.2, now=10.0)
        >>> late.worst(now=20.0), late.worst(now=500.0)
        (0.2, 0.0)
    """

    _worst: float = 0.0
    _before: float = 0.0
    _began: float = 0.0

    def note(self, seconds: float, now: float) -> None:
        """It was so late."""
        self._turn(now)
        self._worst = max(self._worst, seconds)

    def worst(self, now: float) -> float:
        """How late it was at worst."""
        self._turn(now)
        return max(self._worst, self._before)

    def _turn(self, now: float) -> None:
        if now - self._began >= WINDOW_SECONDS:
            self._before = self._worst if now - self._began < 2 * WINDOW_SECONDS else 0.0
            self._worst, self._began = 0.0, now
