"""When one more evaluation of a sensor may begin, that may begin only so often within a minute."""

from collections import deque
from collections.abc import Iterable

MOST_PER_MINUTE = 100_000
# A little more than a minute: between being allowed and being called lies a moment that is not always the same.
WINDOW_SECONDS = 60.25
# What is remembered of a window, however many begin in it: beyond this many, beginnings close together are one.
MOST_REMEMBERED = 240


class Pacing:
    """At most `limit` beginnings within any minute. The clock is the caller's, and never goes back.

    Args:
        limit: so many.
        ages: how many seconds before `now` others have begun already, and how many at once.
        now: the time.

    Example:
        >>> pacing = Pacing(2)
        >>> for moment in (0.0, 10.0):
        ...     pacing.begin(moment)
        >>> pacing.wait(20.0), pacing.wait(61.0)
        (40.25, 0.0)
    """

    def __init__(self, limit: int, ages: Iterable[tuple[float, int]] = (), now: float = 0.0) -> None:
        self._limit = limit
        self._grain = 0.0 if limit <= MOST_REMEMBERED else WINDOW_SECONDS / MOST_REMEMBERED
        # First and last moment of what is remembered as one, and how many began then; oldest first.
        self._begun: deque[tuple[float, float, int]] = deque()
        self._count = 0
        for age, count in sorted(ages, reverse=True):
            # A clock that was set back in between must not make this wait for longer than a minute.
            self._note(now - max(age, 0.0), count)

    @property
    def remembered(self) -> int:
        """How much it keeps in memory."""
        return len(self._begun)

    def wait(self, now: float) -> float:
        """Seconds until one more may begin; zero: now. Ask again then: others may have begun."""
        self._forget(now)
        if self._count < self._limit:
            return 0.0
        return max(self._begun[0][1] + WINDOW_SECONDS - now, 0.0)

    def begin(self, now: float) -> None:
        """One begins."""
        self._note(now, 1)

    def _note(self, now: float, count: int) -> None:
        self._count += count
        if self._begun and now - self._begun[-1][0] <= self._grain:
            first, _, before = self._begun.pop()
            self._begun.append((first, now, before + count))
        else:
            self._begun.append((now, now, count))

    def _forget(self, now: float) -> None:
        """What began a whole window ago no longer counts; what is remembered as one, when the last of it did."""
        while self._begun and self._begun[0][1] + WINDOW_SECONDS <= now:
            self._count -= self._begun.popleft()[2]
