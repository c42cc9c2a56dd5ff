"""Runs uvicorn as a guest: no signals of its own, no log of its own, no clock that ticks, no client that stays."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import h11
from starlette.applications import Starlette
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

# Beyond so many connections the one that has been silent longest is cut: health is asked by new ones.
CONNECTIONS = 128
# So many requests are answered at once; the others get a 503.
CLIENTS = 32
KEEP_ALIVE_SECONDS = 5
SHUTDOWN_SECONDS = 1
# However slowly a client sends or reads: after so long its connection is cut.
CONNECTION_SECONDS = 30.0
REQUEST_BYTES = 16_384


async def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve on this socket until cancelled; then requests that are being answered get a moment."""
    config = Config(
        app,
        http=_ShortLived,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        h11_max_incomplete_event_size=REQUEST_BYTES,
    )
    server = _Guest(config)
    try:
        await server.serve([listening])
    finally:
        if server.started:
            with anyio.CancelScope(shield=True):
                await server.shutdown([listening])


class _Guest(Server):
    """A server in somebody else's process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the daemon's."""
        yield

    async def main_loop(self) -> None:
        """Ends with the task. There is nothing to look at ten times a second."""
        await self.on_tick(0)
        await anyio.sleep_forever()


class _ShortLived(H11Protocol):
    """A connection whose end is certain: uvicorn itself waits for ever for a request that never comes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        if len(self.connections) >= CONNECTIONS:
            self._make_room()
        super().connection_made(transport)
        self.end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def handle_events(self) -> None:
        # Uvicorn compares it with connections too: clients that say nothing would shut the others out.
        self.limit_concurrency = CLIENTS if len(self.tasks) >= CLIENTS else None
        super().handle_events()

    def send_400_response(self, msg: str) -> None:
        # Uvicorn answers a request that turns out to be broken a second time, and each answer that h11 refuses for
        # it is logged as an error with a stack: a client's nonsense would page somebody.
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
        super().send_400_response(msg)

    def _make_room(self) -> None:
        silent = [other for other in self.connections if isinstance(other, _ShortLived) and other.is_silent]
        if silent:
            oldest = min(silent, key=lambda other: other.end.when())
            # At once: it is lost a moment later, and by then others have come.
            self.connections.discard(oldest)
            oldest.transport.abort()

    @property
    def is_silent(self) -> bool:
        """Has no request been read that is still being answered?"""
        return self.cycle is None or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        self.end.cancel()
        super().connection_lost(exc)
