"""Asks the database one question, for commands that come, look and go."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from runbell.ops.settings import read_settings
from runbell.store import connections

T = TypeVar("T")


def ask(database_url: str | None, question: Callable[[connections.Session], Awaitable[T]]) -> T:
    """The answer to a question; `database_url` is what the flag said.

    Raises:
        SettingsError: there is no URL, or none that can be read.
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it is not migrated.

    Example:
        daemons = ask(None, list_daemons)
    """
    url = read_settings(database_url=database_url).database_url
    return anyio.run(_ask, url, question)


async def _ask(url: str, question: Callable[[connections.Session], Awaitable[T]]) -> T:
    session = await connections.connect(url, role="command")
    try:
        return await question(session)
    finally:
        await session.close()
