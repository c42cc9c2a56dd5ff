"""The heart of a worker process: beats on its event loop, slowly while nobody's function runs."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runbell.core.heartbeats import BEAT_SECONDS, LINGER_SECONDS, SLOW_BEAT_SECONDS, STANDBY_BEAT_SECONDS
from runbell.engine.calls import Calls
from runbell.engine.markers import STEPS
from runbell.ops.lateness import Lateness

# Between looks at the threads and at the connections.
LOOK_SECONDS = 1.0


@dataclass(slots=True)
class Heart:
    """Once it has begun to beat it goes on for as long as the loop runs.

    Attributes:
        calls: of this process; their marks stand beside the beats, in memory that the supervisor reads.
        alarm: a descriptor: what is written there has the supervisor look at once.
        look: called once a second on the way.
        standing_by: the process holds no sensors.
        lateness: of its beats.
    """

    calls: Calls
    alarm: int
    look: Callable[[], None]
    standing_by: bool = False
    lateness: Lateness = field(default_factory=Lateness)
    _look_at: float = 0.0
    _steps: int = 0
    _ran_at: float = 0.0
    _next: asyncio.TimerHandle | None = None

    def beat(self) -> None:
        """Beat, and go on."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._next is not None:
            self.lateness.note(now - self._next.when(), now)
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self.look()
        pause = self._pause(now)
        markers = self.calls.markers
        markers.beat(pause)
        markers.on_begin = self._quicken if pause > BEAT_SECONDS else None
        self._next = loop.call_later(pause, self.beat)

    def rise(self) -> None:
        """From stand-by to active: what it holds from now on may fall silent."""
        self.standing_by = False
        if self._next is not None:
            self._quicken()

    def _pause(self, now: float) -> float:
        if not self._rests(now):
            return BEAT_SECONDS
        return STANDBY_BEAT_SECONDS if self.standing_by else SLOW_BEAT_SECONDS

    def _rests(self, now: float) -> bool:
        """Has no function run for a while?"""
        markers = self.calls.markers
        steps = markers.numbers[STEPS]
        if steps != self._steps or self.calls.live > 0 or markers.threads > 0:
            self._ran_at = now
        self._steps = steps
        return now - self._ran_at >= LINGER_SECONDS

    def _quicken(self) -> None:
        """A function is about to run: what it may hold up must be seen soon."""
        self.calls.markers.on_begin = None
        self.calls.markers.beat(BEAT_SECONDS)
        with suppress(OSError):
            # Full or gone: then somebody looks anyway, or nobody.
            os.write(self.alarm, b"!")
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(BEAT_SECONDS, self.beat)
