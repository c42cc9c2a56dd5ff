"""Makes connections to the database. Every session sets its own time-outs, whatever the server's defaults are."""

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from runbell.core.errors import SettingsError
from runbell.store.failures import translated

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Session: TypeAlias = "Connection | Pool"

CONNECT_SECONDS = 10.0
# A statement's deadline on this side: a half-open connection never answers. Above the server's own, which is kinder.
COMMAND_SECONDS = 20.0
# Queries after which a pool replaces a connection, and with it all that it has prepared.
NEVER_TOO_OLD = 10**12
TIMEOUTS = {
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    "jit": "off",
}


def masked(url: str) -> str:
    """The URL without its password, for logs and messages."""
    try:
        parts = urlsplit(url)
        password = parts.password
    except ValueError:
        return "(unreadable URL)"
    if password is None:
        return url.split("password=", 1)[0] + "password=***" if "password=" in url else url
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username or ''}:***@{host}"))


async def connect(
    url: str, *, role: str, command_seconds: float | None = COMMAND_SECONDS, **settings: str
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection; `role` shows in pg_stat_activity as `runbell <role>`. `command_seconds` None: no deadline.

    Raises:
        StoreUnavailableError: it cannot be had.
        SettingsError: the URL cannot be understood.
    """
    with translated(), _understood():
        return await asyncpg.connect(url, **{**_options(role, settings), "command_timeout": command_seconds})


async def connect_pool(
    url: str,
    *,
    role: str,
    size: int,
    greet: Callable[[Session], Coroutine[Any, Any, None]] | None = None,
    **settings: str,
) -> Pool:
    """A pool of up to `size` connections, of which one is opened now; `greet` is called with each new one.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SettingsError: the URL cannot be understood.
    """
    with translated(), _understood():
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            max_queries=NEVER_TOO_OLD,
            init=greet,
            reset=_keep_as_it_is,
            **_options(role, settings),
        )


async def _keep_as_it_is(_: Connection) -> None:
    """Our statements leave nothing behind in a session; the pool's own clean-up would be a second round trip each."""


@contextmanager
def _understood() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise SettingsError(f"RUNBELL_DATABASE_URL cannot be understood: {error}") from error


def _options(role: str, settings: dict[str, str]) -> dict[str, Any]:
    return {
        "timeout": CONNECT_SECONDS,
        "command_timeout": COMMAND_SECONDS,
        # Preparing anew every five minutes, the driver's default, brings back costly first plans each time.
        "max_cached_statement_lifetime": 0,
        "server_settings": {**TIMEOUTS, "application_name": f"runbell {role}", **settings},
    }
