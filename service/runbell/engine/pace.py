"""Makes a lane wait where its sensor may begin only so many evaluations within a minute."""

from collections.abc import Iterable

import anyio

from runbell.core.pacing import Pacing


class Pace:
    """Asked before each beginning, by one worker after another.

    Attributes:
        turn: whoever waits holds it, so that evaluations begin in the order in which they were taken.
    """

    def __init__(self, limit: int, ages: Iterable[tuple[float, int]]) -> None:
        self._pacing = Pacing(limit, ages, anyio.current_time())
        self._interrupted = anyio.Event()
        self.turn = anyio.Lock()

    @property
    def ready(self) -> bool:
        """May one begin now?"""
        return self._pacing.wait(anyio.current_time()) <= 0

    async def pause(self) -> None:
        """Wait until one may begin, or until interrupted."""
        with anyio.move_on_after(self._pacing.wait(anyio.current_time())):
            await self._interrupted.wait()

    def begin(self) -> None:
        """One begins."""
        self._pacing.begin(anyio.current_time())

    def interrupt(self) -> None:
        """Nothing will begin for now: who drains or gives a lease up must not be waited for."""
        self._interrupted.set()
        self._interrupted = anyio.Event()
