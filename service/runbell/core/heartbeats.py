"""Tells from a worker's heartbeat whether its event loop is blocked. The machine's own delays are not blamed on it."""

from collections.abc import Callable
from dataclasses import dataclass, field

BEAT_SECONDS = 0.1
LOOK_SECONDS = 0.1
# While no function runs: ten wake-ups a second on either side would be most of what idle processes cost. A function
# that begins makes the heart beat, and rings for a look. With a look on top it stays below what counts as blocked, so
# that a process which is held up for a moment, by a profiler say, is not taken for one that has stopped.
SLOW_BEAT_SECONDS = 0.25
# A beat may come so much later without being missed, so that each look finds a new one.
SPARE_SECONDS = 0.05
# Two of these and a look pass at most before a process that somebody has stopped is relieved: below the second of I4.
SLOW_LOOK_SECONDS = SLOW_BEAT_SECONDS + SPARE_SECONDS
# A stand-by holds no sensor that could fall silent. Promoted, it beats at once.
STANDBY_BEAT_SECONDS = 1.0
# For so long after a function has run hearts beat, and are looked at, as if one ran: events seldom come alone, and to
# ring for each would take a processor from it.
LINGER_SECONDS = 1.0
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

    Attributes:
        pause: seconds from beat to beat, as it said at the last look. A function that has begun since has made it beat.

    Example:
        >>> watch = HeartWatch()
        >>> for moment in range(6):
        ...     watch.look(moment * 0.1, beats=7, pause=BEAT_SECONDS, spent=Spent)
        >>> watch.still_seconds >= BLOCKED_SECONDS
        True
    """

    pause: float = BEAT_SECONDS
    _beats: int = -1
    _looked_at: float = 0.0
    _waited: float = 0.0
    _since: Spent | None = None
    _spent: Spent = field(default_factory=Spent)

    @property
    def slow(self) -> bool:
        """Did it say that no function runs?"""
        return self.pause > BEAT_SECONDS

    @property
    def still_seconds(self) -> float:
        """For so long it has stood still without an excuse."""
        waited = self._waited - max(self.pause - SLOW_BEAT_SECONDS, 0.0)
        if self._since is not None and self._spent.working - self._since.working < WORKED_SECONDS:
            waited -= max(self._spent.starved - self._since.starved, 0.0)
        return max(waited, 0.0)

    @property
    def suspicious(self) -> bool:
        """Has it stood still for longer than between two beats, be they slow ones?"""
        return self._waited > max(self.pause, SLOW_BEAT_SECONDS)

    @property
    def calm(self) -> bool:
        """Need it be looked at only from time to time, until it rings?"""
        return self.slow and self._waited < self.pause + SPARE_SECONDS

    def look(
        self, now: float, beats: int, *, pause: float, spent: Callable[[], Spent], most: float = LATE_SECONDS
    ) -> None:
        """Take in one look.

        Args:
            now: this process's own monotonic clock.
            beats: what the heart has counted.
            pause: it says that its next beat comes after so many seconds; long, if no function runs. One that begins
                makes it beat. To be read before the beats.
            spent: tells of the worker's main thread; asked only when the heart stands still, and again when it does so
                for longer than a slow beat takes, so that a healthy one costs next to nothing.
            most: seconds since the last look that count at most: it may come late for reasons of the machine.
        """
        if beats != self._beats:
            self._waited, self._since = 0.0, None
        else:
            self._waited += min(now - self._looked_at, most)
            if self.suspicious or (self._since is None and pause <= BEAT_SECONDS):
                self._spent = spent()
                self._since = self._since or self._spent
        self._beats, self._looked_at, self.pause = beats, now, pause

    def forget(self) -> None:
        """What was seen last had a reason of ours."""
        self._waited, self._since = 0.0, None
