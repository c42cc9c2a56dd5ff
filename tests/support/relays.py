"""Stands between clients and a server, on a Unix socket of its own: an address that can move, or be cut anywhere."""

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal

import anyio
from anyio.abc import ByteStream

from support.postgres import SUPERUSER, Server

# What becomes of bytes that a client sends: passed on; lost with the connection before the server had them; passed on,
# and the connection cut at once; passed on, and the connection cut when the answer comes, which is lost.
Fate = Literal["pass", "lose", "cut", "cut at answer"]
GONE = (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class Relay:
    """Attributes:
    target: the server that connections from now on lead to.
    silent: bytes in both directions are kept back for as long as this is true, as if the network were cut.
    fate: asked for all that clients send.
    """

    def __init__(self, folder: Path, target: Server) -> None:
        self._folder = folder
        self._links: set[anyio.CancelScope] = set()
        self._mute: set[anyio.CancelScope] = set()
        self.target = target
        self.silent = False
        self.fate: Callable[[bytes], Fate] = lambda _: "pass"

    def url(self, dbname: str, *, user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@/{dbname}?host={self._folder}&port=5432"

    def cut(self) -> None:
        """End every connection."""
        for link in list(self._links):
            link.cancel()

    async def serve(self, client: ByteStream) -> None:
        """One connection, to its end."""
        with anyio.CancelScope() as link, suppress(*GONE):
            self._links.add(link)
            async with (
                client,
                await anyio.connect_unix(self.target.folder / ".s.PGSQL.5432") as server,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(self._carry_requests, client, server, link)
                tasks.start_soon(self._carry_answers, server, client, link)
        self._links.discard(link)

    async def _speaks(self) -> None:
        while self.silent:
            await anyio.sleep(0.01)

    async def _carry_requests(self, client: ByteStream, server: ByteStream, link: anyio.CancelScope) -> None:
        with suppress(*GONE):
            while True:
                data = await client.receive()
                fate = self.fate(data)
                if fate == "lose":
                    break
                if fate == "cut at answer":
                    self._mute.add(link)
                await self._speaks()
                await server.send(data)
                if fate == "cut":
                    break
        link.cancel()

    async def _carry_answers(self, server: ByteStream, client: ByteStream, link: anyio.CancelScope) -> None:
        with suppress(*GONE):
            while True:
                data = await server.receive()
                if link in self._mute:
                    break
                await self._speaks()
                await client.send(data)
        link.cancel()


@asynccontextmanager
async def relay(target: Server) -> AsyncIterator[Relay]:
    """`async with` in the body of a test: leads to `target` until told otherwise."""
    with tempfile.TemporaryDirectory(prefix="runbell-") as name:
        made = Relay(Path(name), target)
        async with (
            await anyio.create_unix_listener(Path(name) / ".s.PGSQL.5432") as listener,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(listener.serve, made.serve)
            yield made
            tasks.cancel_scope.cancel()
