"""Answers health checks and scrapes over HTTP, on the daemon's own event loop: who gets an answer knows that it turns.

`/healthz`: the process lives. `/readyz`: it holds its connections and has deployed its sensors. `/metrics`: figures.
Everything else is the console's.
The socket is bound first, so that a taken port ends the start and health is answered while the database is away.
"""

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import structlog

from runbell.core.errors import SettingsError
from runbell.ops.console.console import Console
from runbell.ops.exposition import write
from runbell.ops.metrics import Counting
from runbell.ops.standing import StandingReader

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

log = structlog.get_logger()
CONNECTIONS = 64


@contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; port 0 takes any free one.

    Raises:
        SettingsError: names the setting that is wrong.

    Example:
        >>> with bound("127.0.0.1", 0) as listening:
        ...     listening.getsockname()[1] > 0
        True
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server((str(address[0]), port), family=family, backlog=CONNECTIONS)
    except (OSError, UnicodeError) as error:
        raise SettingsError(_why_not_bound(host, port, error)) from error
    with listening:
        yield listening


def _why_not_bound(host: str, port: int, error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror | UnicodeError) or error.errno == errno.EADDRNOTAVAIL:
        return f"RUNBELL_HTTP_HOST is {host!r}, but it must be an address of this machine"
    reason = os.strerror(error.errno) if error.errno else str(error)
    return f"RUNBELL_HTTP_PORT is {port}, but {host} cannot be listened on there ({reason}): 0 takes any free port"


class Http:
    """What is answered, and for how long."""

    def __init__(
        self,
        why_not_ready: Callable[[], str | None],
        metrics: Counting,
        standing: StandingReader,
        console: Console | None = None,
    ) -> None:
        self._console = console
        self._why_not_ready = why_not_ready
        self._metrics = metrics
        self._standing = standing

    async def run(self, listening: socket.socket) -> None:
        """Answer until cancelled. Failing is reported and ends it; the daemon has more important things to do."""
        try:
            # Beside whatever else is starting: these modules take their time.
            serve = await anyio.to_thread.run_sync(_load_server)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._standing.run)
                await serve(self._app(listening), listening)
        except Exception as error:
            log.exception("http_failed", error=str(error))

    def _app(self, listening: socket.socket) -> "Starlette":
        from starlette.applications import Starlette
        from starlette.routing import Route

        routes = (("/healthz", self._healthz), ("/readyz", self._readyz), ("/metrics", self._write_metrics))
        console = self._console.routes(listening, self._standing) if self._console else []
        return Starlette(routes=[*(Route(path, answer) for path, answer in routes), *console])

    async def _healthz(self, _: "Request") -> "Response":
        return _text("alive")

    async def _readyz(self, _: "Request") -> "Response":
        reason = self._why_not_ready()
        return _text("ready") if reason is None else _text(reason, status=503)

    async def _write_metrics(self, _: "Request") -> "Response":
        await self._metrics.refresh()
        standing = await self._standing.current()
        # In a thread: with thousands of sensors it takes longer than events should wait.
        body = await anyio.to_thread.run_sync(write, self._metrics.counts(), standing)
        return _text(body, media_type="text/plain; version=0.0.4")


def _text(body: str, *, status: int = 200, media_type: str = "text/plain") -> "Response":
    from starlette.responses import Response

    ending = "" if body.endswith("\n") else "\n"
    return Response(body + ending, status, media_type=media_type, headers={"cache-control": "no-store"})


def _load_server() -> "Callable[[Starlette, socket.socket], Awaitable[None]]":
    from runbell.ops.http_server import serve

    return serve
