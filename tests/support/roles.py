"""Roles of a test's own, with the rights that `runbell migrate --grant-...` gives them, or with none."""

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from runbell.ops import schema
from runbell.store.access import Access

_numbers = itertools.count(1)


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


@asynccontextmanager
async def fresh_role(url: str, *purposes: str, name: str | None = None) -> AsyncIterator[str]:
    """The name of a new role that may log in and was granted these purposes; gone at the end, with all it owns."""
    name = name or f"role_{os.getpid()}_{next(_numbers)}"
    session = await asyncpg.connect(url)
    await session.execute(f"CREATE ROLE {quoted(name)} LOGIN")
    try:
        if purposes:
            await schema.migrate(url, [Access(name, purpose) for purpose in purposes])
        yield name
    finally:
        await session.execute(f"DROP OWNED BY {quoted(name)} CASCADE")
        await session.execute(f"DROP ROLE {quoted(name)}")
        await session.close()


def as_role(url: str, name: str) -> str:
    """The URL of a test's database, for this role."""
    return url.replace("postgres@", f"{name}@", 1)


@asynccontextmanager
async def session_of(url: str, name: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A plain session of this role, with the server's own settings."""
    session = await asyncpg.connect(as_role(url, name))
    try:
        yield session
    finally:
        await session.close()
