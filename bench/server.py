"""The server that everything is measured on: private, on the disk, as durable as PostgreSQL is by default.

It answers on a Unix socket only. Commit timestamps are kept: they are what both contenders are timed by.
"""

import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import processes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from runbell.ops import schema  # noqa: E402
from support.postgres import Server, private_server  # noqa: E402

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "track_commit_timestamp": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
}
SHOWN = ("server_version", *SETTINGS, "wal_sync_method", "max_connections", "jit")
TEMPLATE = "migrated"


@contextmanager
def durable_server() -> Iterator[Server]:
    """Running inside; on the disk, because a commit costs nothing in memory."""
    with private_server(ground=Path(tempfile.gettempdir()), **SETTINGS) as server:
        yield server


async def migrate_template(server: Server) -> None:
    """Make the database that all others are cloned from."""
    await _admin(server, f"CREATE DATABASE {TEMPLATE}")
    await schema.migrate(server.url(TEMPLATE))


@asynccontextmanager
async def fresh_database(server: Server, name: str) -> AsyncIterator[str]:
    """The URL of a new migrated database, dropped at the end: no contender finds what another left behind."""
    await _admin(server, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield server.url(name)
    finally:
        await _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


async def settings_of(server: Server) -> dict[str, str]:
    """The server's version and the settings that durability and speed depend on, as it tells them itself."""
    session = await asyncpg.connect(server.admin_url)
    try:
        return {name: await session.fetchval("SELECT current_setting($1)", name) for name in SHOWN}
    finally:
        await session.close()


def cpu_seconds(server: Server) -> float:
    """What the server has used: its main process, the backends that have ended, and those that still live."""
    return sum(map(processes.cpu_seconds, [server.pid, *_children(server.pid)]))


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


async def _admin(server: Server, command: str) -> None:
    session = await asyncpg.connect(server.admin_url)
    try:
        await session.execute(command)
    finally:
        await session.close()
