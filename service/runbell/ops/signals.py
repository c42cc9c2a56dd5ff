"""Turns SIGINT and SIGTERM into one question that a command waits for, and sees to it that the process ends.

A signal asks to stop. A second one, or the grace period having passed, cancels what is still running; whoever does not
even answer that (a sensor that blocks the event loop, a thread that never returns) is ended from outside the loop.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import FrameType

import anyio

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# After the grace period: first what runs is cancelled, then the process ends, within the three seconds of the contract.
CANCEL_AFTER_SECONDS = 1.0
END_AFTER_SECONDS = 2.5


class StopSignals:
    """Whether somebody asked this process to stop.

    Attributes:
        forced: what ran was cancelled, because of a second signal or because the grace period had passed.
    """

    def __init__(self, grace_seconds: float, scope: anyio.CancelScope) -> None:
        self.forced = False
        self._grace_seconds = grace_seconds
        self._scope = scope
        self._asked = anyio.Event()
        self._finished = False
        self._loop = asyncio.get_running_loop()
        self._received = 0

    @property
    def asked(self) -> bool:
        return self._asked.is_set()

    async def wait(self) -> None:
        """Returns when somebody has asked to stop."""
        await self._asked.wait()

    def receive(self, number: int, _frame: FrameType | None = None) -> None:
        """The signal handler. Runs between any two instructions of the main thread, also while the loop is blocked."""
        self._received += 1
        if self._received > 1:
            self._loop.call_soon_threadsafe(self._cancel)
            return
        # A plain handler, not `loop.add_signal_handler`: a blocked loop would never start this clock.
        end = threading.Timer(self._grace_seconds + END_AFTER_SECONDS, self._end, [signal.Signals(number).name])
        end.daemon = True
        end.start()
        self._loop.call_soon_threadsafe(self._ask)

    def finish(self) -> None:
        """The body has ended by itself; only the end of the process is still waited for."""
        self._finished = True

    def _ask(self) -> None:
        self._asked.set()
        self._loop.call_later(self._grace_seconds + CANCEL_AFTER_SECONDS, self._cancel)

    def _cancel(self) -> None:
        if not self._finished:
            self.forced = True
            self._scope.cancel()

    def _end(self, name: str) -> None:
        print(  # noqa: T201 - logging may be what hangs
            f"runbell: not stopped {self._grace_seconds + END_AFTER_SECONDS:g} s after {name}, ending now",
            file=sys.stderr,
            flush=True,
        )
        with suppress(Exception):
            sys.stdout.flush()
        os._exit(0 if self._finished and not self.forced else 1)


@asynccontextmanager
async def stop_signals(grace_seconds: float) -> AsyncIterator[StopSignals]:
    """Handle SIGINT and SIGTERM while the body runs, also where the parent had SIGINT ignored.

    The process is expected to end after the body: once a signal has come, it is ended `grace_seconds` and 2.5 s later
    at the latest. Main thread only.

    Example:
        async with stop_signals(10.0) as stop:
            await stop.wait()
    """
    with anyio.CancelScope() as scope:
        stop = StopSignals(grace_seconds, scope)
        former = {number: signal.signal(number, stop.receive) for number in SIGNALS}
        try:
            yield stop
            stop.finish()
        finally:
            for number, handler in former.items():
                # A first signal keeps counting after the body; a late one must not raise KeyboardInterrupt.
                signal.signal(number, signal.SIG_IGN if stop.asked else handler)
