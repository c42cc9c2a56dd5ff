"""A coalescing wake-up inside the process: any number of rings while nobody waits are one."""

import asyncio


class Doorbell:
    """Rung by anybody on the event loop, waited for by one."""

    def __init__(self) -> None:
        self._rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake whoever waits, or whoever waits next."""
        self._rung = True
        self._wake()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring; False when none came within `timeout` seconds."""
        # A bare future: an event in a cancel scope takes twice as long to wake, and each event is rung for twice.
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = None if timeout is None else loop.call_later(timeout, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        rung, self._rung = self._rung, False
        return rung

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
