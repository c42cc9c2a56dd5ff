"""Hears the doorbell: one direct session that LISTENs, never in a transaction, and that peers tell our life by.

LISTEN comes first and reading afterwards; the other order loses what commits in between. Losing the session ends the
term: whatever was in memory may then be behind, and is read again.
"""

from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import anyio

from runbell.core.errors import StoreUnavailableError
from runbell.engine.doorbell import Doorbell
from runbell.store.bell import ring_events
from runbell.store.connections import connect
from runbell.store.daemons import Identity, hold_session_lock
from runbell.store.failures import translated

CHANNEL = "runbell_events"
# How long our own ring may take to come back before we conclude that notifications do not reach this session
# (a transaction pooler stands in between).
SELF_RING_SECONDS = 2.0


class Listener:
    """`async with Listener(...)`: connected and listening inside.

    Attributes:
        rung: rings when a writer rang.
        direct: notifications reach this session, so it may hold locks and somebody may sleep.
    """

    def __init__(self, url: str, identity: Identity) -> None:
        self._url = url
        self._identity = identity
        self._lost = anyio.Event()
        self.rung = Doorbell()
        self.direct = False

    async def __aenter__(self) -> Self:
        self.session = await connect(self._url, role="listener")
        try:
            self.session.add_termination_listener(self._on_lost)
            await hold_session_lock(self.session, self._identity)
            with translated():
                await self.session.add_listener(CHANNEL, self._on_ring)
            await ring_events(self.session)
            self.direct = await self.rung.wait(SELF_RING_SECONDS)
        except BaseException:
            self.session.terminate()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Polite only while all is well: a lost or stuck session is cut, not waited for.
        if error is None and not self.session.is_closed():
            with anyio.move_on_after(1, shield=True), suppress(StoreUnavailableError), translated():
                await self.session.close()
        self.session.terminate()

    async def watch(self) -> None:
        """Wait until the session is lost, and end the term then."""
        await self._lost.wait()
        raise StoreUnavailableError("the listening session was lost")

    def _on_ring(self, *_: Any) -> None:
        self.rung.ring()

    def _on_lost(self, _: Any) -> None:
        self._lost.set()
