"""A coalescing wake-up inside the process: any number of rings while nobody waits are one."""

import anyio


class Doorbell:
    """Rung by anybody on the event loop, waited for by one."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake whoever waits, or whoever waits next."""
        self._event.set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for a ring; False when none came within `timeout` seconds."""
        with anyio.move_on_after(timeout):
            await self._event.wait()
        rung = self._event.is_set()
        if rung:
            self._event = anyio.Event()
        return rung
