"""Notices within milliseconds that a peer has died: waits for the lock that its listening session holds.

Each daemon is watched by one other, from a session that holds no lock of its own: two that hold and wait for each other
would be a deadlock. A wait is short, because a waiting backend keeps vacuum from cleaning up in the whole database.
"""

from collections.abc import Callable

import anyio
import asyncpg
import structlog

from runbell.core.errors import StoreUnavailableError
from runbell.core.leases import LOCK_FREE_SECONDS
from runbell.engine.doorbell import Doorbell
from runbell.store.connections import connect
from runbell.store.daemons import watch_daemon

log = structlog.get_logger()
WAIT_SECONDS = 9.0
# Without this session deaths are told by beats, so its loss ends nothing.
RECONNECT_SECONDS = 1.0


class Watcher:
    """Watches one peer at a time; has no session while there is none."""

    def __init__(self, url: str, suffix: str, on_free: Callable[[], None]) -> None:
        self._url = url
        self._suffix = suffix
        self._on_free = on_free
        self._lock_key: int | None = None
        self._changed = Doorbell()
        self._waiting = anyio.CancelScope()
        self._session: asyncpg.Connection[asyncpg.Record] | None = None

    def watch(self, lock_key: int | None) -> None:
        """Watch the peer with this lock from now on; None watches nobody."""
        if lock_key != self._lock_key:
            self._lock_key = lock_key
            self._changed.ring()
            self._waiting.cancel()

    async def run(self) -> None:
        """Watch for ever; ends only with the term."""
        try:
            while True:
                await self._watch_once()
        finally:
            self._close()

    async def _watch_once(self) -> None:
        if self._lock_key is None:
            self._close()
            await self._changed.wait(None)
            return
        try:
            free = await self._wait_for(self._lock_key)
        except StoreUnavailableError:
            self._close()
            await self._changed.wait(RECONNECT_SECONDS)
            return
        if free:
            self._on_free()
            # Free while it still counts as live: it is being taken for dead, or connects anew.
            await self._changed.wait(LOCK_FREE_SECONDS)

    async def _wait_for(self, lock_key: int) -> bool:
        """Wait for the lock; False when the time has passed or somebody else is to be watched."""
        with anyio.CancelScope() as self._waiting:
            if self._session is None:
                self._session = await connect(self._url, role=f"watcher {self._suffix}")
            return await watch_daemon(self._session, lock_key, WAIT_SECONDS)
        return False

    def _close(self) -> None:
        if self._session is not None:
            self._session.terminate()
            self._session = None
