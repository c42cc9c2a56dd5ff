"""Hears the doorbell: one direct session that LISTENs, never in a transaction, and that peers tell our life by.

LISTEN comes first and reading afterwards; the other order loses what commits in between. Losing the session ends the
term: whatever was in memory may then be behind, and is read again.
"""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import anyio

from runbell.core.errors import StoreUnavailableError
from runbell.engine.doorbell import Doorbell
from runbell.engine.sessions import PLANS
from runbell.store.bell import keeps_backend, ring_events
from runbell.store.connections import SCANS, Pool, Session, connect
from runbell.store.daemons import Identity, hold_session_lock
from runbell.store.failures import translated

CHANNEL = "runbell_events"
# Rung when leases may be taken, or have to be shared anew.
LEASES_CHANNEL = "runbell_leases"
# How long our own ring may take to come back before we conclude that notifications do not reach this session.
SELF_RING_SECONDS = 2.0


class Listener:
    """`async with Listener(...)`: connected inside, and listening if that is of any use.

    Attributes:
        session: the session that listens.
        rung: rings when a writer rang, while events are heard.
        turn: whoever uses the session takes it, for one statement at a time.
        direct: notifications reach this session, so it may hold locks and somebody may sleep.
    """

    def __init__(
        self,
        url: str,
        identity: Identity,
        leases_rung: Doorbell,
        pool: Pool,
        greet: Callable[[Session], Coroutine[Any, Any, None]],
    ) -> None:
        self._url = url
        self._identity = identity
        self._leases_rung = leases_rung
        self._pool = pool
        self._greet = greet
        self._lost = anyio.Event()
        self._heard = anyio.Event()
        self._doubted = Doorbell()
        self._hearing = False
        self.rung = Doorbell()
        self.turn = anyio.Lock()
        self.direct = False

    async def __aenter__(self) -> Self:
        role = f"listener {self._identity.session_suffix}"
        self.session = await connect(self._url, role=role, plan_cache_mode=PLANS, enable_seqscan=SCANS)
        try:
            self.session.add_termination_listener(self._on_lost)
            await self._greet(self.session)
            self.direct = await self._listen()
            if self.direct:
                # Not before: behind a pooler the lock would stay on a session that others use.
                await hold_session_lock(self.session, self._identity)
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

    async def hear_events(self) -> None:
        """Be rung for events from here on; what committed before has to be read."""
        if self.direct and not self._hearing:
            async with self.turn:
                with translated():
                    await self.session.add_listener(CHANNEL, self._on_ring)
            self._hearing = True

    async def ignore_events(self) -> None:
        """Be rung for events no more: a stand-by that woke for each would take its time from those that answer."""
        if self._hearing:
            self._hearing = False
            async with self.turn:
                with translated():
                    await self.session.remove_listener(CHANNEL, self._on_ring)

    def doubt(self) -> None:
        """Events came that nobody rang for: find out whether the session still hears."""
        self._doubted.ring()

    async def watch(self) -> None:
        """Wait until the session is lost or hears no more, and end the term then."""
        while True:
            await self._doubted.wait()
            if self._lost.is_set():
                raise StoreUnavailableError("the listening session was lost")
            if self.direct and not await self._hears():
                raise StoreUnavailableError("the listening session no longer hears its own ring")

    async def _listen(self) -> bool:
        with translated():
            if not await keeps_backend(self.session, self._pool):
                return False
            await self.session.add_listener(CHANNEL, self._on_ring)
            await self.session.add_listener(LEASES_CHANNEL, self._on_leases)
            self._hearing = await self._hears()
            if self._hearing:
                return True
            await self.session.remove_listener(CHANNEL, self._on_ring)
            await self.session.remove_listener(LEASES_CHANNEL, self._on_leases)
            return False

    async def _hears(self) -> bool:
        """Ring, from another session: a pooler's backend would hand our own ring back to whoever it serves just now."""
        self._heard = anyio.Event()
        await ring_events(self._pool)
        with anyio.move_on_after(SELF_RING_SECONDS):
            await self._heard.wait()
        return self._heard.is_set()

    def _on_ring(self, *_: Any) -> None:
        self._heard.set()
        self.rung.ring()

    def _on_leases(self, *_: Any) -> None:
        self._leases_rung.ring()

    def _on_lost(self, _: Any) -> None:
        self._lost.set()
        self._doubted.ring()
