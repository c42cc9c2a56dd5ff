"""Tells from a worker's heartbeat whether its event loop is blocked. The machine's own delays are not blamed on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

BEAT_SECONDS = 0.1
# While no function runs: ten wake-ups a second would be most of what an idle process costs. With a look on top it stays
# below what counts as blocked, so that a function that has just begun is not blamed for the beats before it.
SLOW_BEAT_SECONDS = 0.25
LOOK_SECONDS = 0.1
# A heart that stood still for so long while somebody's function was running: that function blocks the loop. Measured
# on two cores under load: a loop that nobody blocks stood still for 0.15 s at most, once its waiting for a processor
# is taken off.
BLOCKED_SECONDS = 0.4
# Nobody's function was running, so it may be our own code that takes so long.
STILL_SECONDS = 2.0
# A look that comes later than this says that the machine was busy or asleep: what lies before it counts for no more.
LATE_SECONDS = 2 * LOOK_SECONDS


# A function that has had a processor for so long and has not come back is no victim of a busy machine.
WORKED_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Spent:
    """What a thread has done since it began: seconds for which it had a processor, and for which it waited for one."""

    working: float = 0.0
    starved: float = 0.0


@dataclass(slots=True)
class HeartWatch:
    """What has been seen of one heart by looking at it regularly.

    Example:
        >>> watch = HeartWatch()
        >>> for moment in range(6):
        ...     watch.look(moment * 0.1, beats=7, slow=False, spent=Spent)
        >>> watch.still_seconds >= BLOCKED_SECONDS
        True
    """

    _beats: int = -1
    _looked_at: float = 0.0
    _waited: float = 0.0
    _since: Spent | None = None
    _spent: Spent = field(default_factory=Spent)

    @property
    def still_seconds(self) -> float:
        """For so long it has stood still without an excuse."""
        if self._since is None or self._spent.working - self._since.working >= WORKED_SECONDS:
            return self._waited
        return max(self._waited - max(self._spent.starved - self._since.starved, 0.0), 0.0)

    @property
    def suspicious(self) -> bool:
        """Has it stood still for longer than between two slow beats?"""
        return self._waited > SLOW_BEAT_SECONDS

    def look(self, now: float, beats: int, *, slow: bool, spent: Callable[[], Spent]) -> None:
        """Take in one look.

        Args:
            now: this process's own monotonic clock.
            beats: what the heart has counted.
            slow: it says that no function runs and that its next beat comes late. A function that begins makes it beat.
            spent: tells of the worker's main thread; asked only when the heart stands still, and again when it does so
                for longer than a slow beat takes, so that a healthy one costs next to nothing.
        """
        if beats != self._beats:
            self._waited, self._since = 0.0, None
        else:
            self._waited += min(now - self._looked_at, LATE_SECONDS)
            if self.suspicious or (self._since is None and not slow):
                self._spent = spent()
                self._since = self._since or self._spent
        self._beats, self._looked_at = beats, now

    def forget(self) -> None:
        """What was seen last had a reason of ours."""
        self._waited, self._since = 0.0, None
