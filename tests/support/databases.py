"""Databases for tests, cloned from a migrated template on the server that all workers of a session share."""

import asyncio
import fcntl
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from runbell.ops import schema
from support.postgres import Server

TEMPLATE = "migrated"
_numbers = itertools.count(1)


def shared_server(folder: Path) -> Server:
    """The server in this folder, which the first to ask starts and migrates the template in."""
    server = Server(folder=folder)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / "ready"
        if not ready.exists():
            server.init()
            server.start()
            # A loop of its own, which leaves the one of the test alone.
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(_make_template(server))
            ready.touch()
    return server


@asynccontextmanager
async def fresh_database(server: Server, template: str) -> AsyncIterator[str]:
    """The URL of a new database cloned from `template`; dropped at the end whoever is still connected."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(server.admin_url)
    try:
        # wal_log: the other strategy makes two checkpoints, which other tests would feel.
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
        try:
            yield server.url(name)
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def _make_template(server: Server) -> None:
    admin = await asyncpg.connect(server.admin_url)
    try:
        await admin.execute(f"CREATE DATABASE {TEMPLATE}")
        await schema.migrate(server.url(TEMPLATE))
    finally:
        await admin.close()
