"""Runs uvicorn as a guest: no signals of its own, no log of its own, no clock that ticks, no client that stays."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
from starlette.applications import Starlette
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

# Beyond so many clients at once the others get a 503.
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
        limit_concurrency=CLIENTS,
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
        super().connection_made(transport)
        self._end = self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end.cancel()
        super().connection_lost(exc)
