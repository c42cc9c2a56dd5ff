"""Looks from time to time, as often as what was seen last asks for, and at once when rung."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# Looks at the moment given, by the monotonic clock, and says how many seconds later to look again.
Look = Callable[[float], float]


@dataclass(slots=True)
class Lookout:
    """A chain of timers: a task that slept in between would cost three times as much when idle."""

    look: Look
    _timer: asyncio.TimerHandle | None = None
    _broken: "asyncio.Future[None]" = field(init=False)

    async def run(self) -> None:
        """Look for ever; ends with what a look raises."""
        self._broken = asyncio.get_running_loop().create_future()
        self._turn()
        try:
            await self._broken
        finally:
            self._cancel()

    def ring(self) -> None:
        """Look at once, if anybody looks at all."""
        if self._timer is not None:
            self._timer.cancel()
            self._turn()

    def _turn(self) -> None:
        try:
            seconds = self.look(time.monotonic())
        except Exception as error:  # noqa: BLE001 - raised where somebody waits for it
            self._cancel()
            if not self._broken.done():
                self._broken.set_exception(error)
        else:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._turn)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
