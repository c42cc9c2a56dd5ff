"""Makes connections to the database. Every session sets its own time-outs, whatever the server's defaults are."""

import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from ssl import SSLError
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

import asyncpg

from runbell.core.errors import SettingsError, StoreUnavailableError
from runbell.store.failures import translated
from runbell.store.relayed import SERVER_KEEPALIVE, KeptConnection, relayed
from runbell.store.url_files import UrlFromFile, current

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Session: TypeAlias = "Connection | Pool"

DATABASE_VARIABLE = "RUNBELL_DATABASE_URL"
CONNECT_SECONDS = 10.0
# A statement's deadline on this side: a half-open connection never answers. Above the server's own, which is kinder.
COMMAND_SECONDS = 20.0
# Queries after which a pool replaces a connection, and with it all that it has prepared.
NEVER_TOO_OLD = 10**12
# The setting `enable_seqscan` of sessions that send the same statements all the time. What was planned for a table that
# had just been analyzed while it was small reads it from end to end until it is analyzed again, a minute later at the
# soonest: `sensors` in each commit, with all the versions of its rows that an open transaction keeps (23 ms after two
# minutes); events, runs and requests in each read (analyzed with 60 of each, a page of 1,000 among 5,000 took 59 in
# place of 5.5 ms). The functions of launchers have it of their own (migrations, planning).
SCANS = "off"
TIMEOUTS = {
    "statement_timeout": "15s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "30s",
    # An idle session is how this waits; ended by the server it would be a lost database again and again.
    "idle_session_timeout": "0",
    # A server's own limit for transactions, since PostgreSQL 17, would end the sleep on the doorbell again and again.
    "transaction_timeout": "0",
    # Fences rely on it: in a stricter level each of them would be a serialization failure.
    "default_transaction_isolation": "read committed",
    "jit": "off",
    # Whoever may create in `public` could put a function there that fits a call of ours better than PostgreSQL's own.
    "search_path": "pg_catalog, pg_temp",
}


async def connect(
    url: str, *, role: str, command_seconds: float | None = COMMAND_SECONDS, **settings: str
) -> "asyncpg.Connection[asyncpg.Record]":
    """One connection; `role` shows in pg_stat_activity as `runbell <role>`. `command_seconds` None: no deadline.

    Behind a pooler every statement outside of a transaction is one of its own: see `relayed`.

    Raises:
        StoreUnavailableError: it cannot be had.
        SettingsError: the URL cannot be understood.
    """
    with translated(), _understood(url):
        return await _open(
            current(url), {**TIMEOUTS, "application_name": f"runbell {role}", **settings}, command_seconds
        )


async def connect_pool(
    url: str,
    *,
    role: str,
    size: int,
    greet: Callable[[Session], Coroutine[Any, Any, None]] | None = None,
    **settings: str,
) -> Pool:
    """A pool of `size` connections, all opened now; `greet` is called with each.

    Opened later, one might be refused on a full server, in the middle of everything, and again and again.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SettingsError: the URL cannot be understood.
    """

    async def connect_anew(*_: object, **__: object) -> "asyncpg.Connection[asyncpg.Record]":
        return await connect(url, role=role, command_seconds=COMMAND_SECONDS, **settings)

    with translated():
        return await asyncpg.create_pool(
            connect=connect_anew,
            init_size=size,
            # No floor: the driver would mend it in the background, where nobody learns that the server is gone.
            min_size=0,
            max_size=size,
            max_inactive_connection_lifetime=0,
            max_queries=NEVER_TOO_OLD,
            init=greet,
            reset=_keep_as_it_is,
        )


@asynccontextmanager
async def in_one_transaction(session: Session) -> AsyncIterator[Connection]:
    """What the body does with the session that it is given takes effect together, or not at all.

    Example:
        async with in_one_transaction(pool) as one:
            await one.execute(statement("ping"))
    """
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(session.acquire()) if isinstance(session, asyncpg.Pool) else session
        await stack.enter_async_context(one.transaction())
        yield one


async def _open(url: str, settings: dict[str, str], command_seconds: float | None) -> KeptConnection:
    how: dict[str, Any] = {"timeout": CONNECT_SECONDS, "command_timeout": command_seconds}
    session: KeptConnection = await asyncpg.connect(
        url,
        # Preparing anew every five minutes, the driver's default, brings back costly first plans each time.
        max_cached_statement_lifetime=0,
        connection_class=KeptConnection,
        **how,
    )
    taken = False
    try:
        taken = await session.takes({**settings, **SERVER_KEEPALIVE})
    finally:
        if not taken:
            session.terminate()
    if taken:
        return session
    return await asyncpg.connect(url, statement_cache_size=0, connection_class=relayed(settings), **how)


async def _keep_as_it_is(_: Connection) -> None:
    """Our statements leave nothing behind in a session; the pool's own clean-up would be a second round trip each."""


@contextmanager
def given_as(variable: str | None) -> Iterator[None]:
    """Mistakes in a URL are reported in the body under the name of its own variable; None: the usual one."""
    try:
        yield
    except SettingsError as error:
        if variable is None:
            raise
        raise SettingsError(str(error).replace(DATABASE_VARIABLE, variable)) from error


@contextmanager
def _understood(url: str) -> Iterator[None]:
    try:
        yield
    except SSLError as error:
        raise StoreUnavailableError(
            f"no trust between us and the server ({error.reason or error}): sslrootcert must name the CA that signed "
            "its certificate, with sslmode=verify-full for this very host; sslcert and sslkey are ours"
        ) from error
    except ValueError as error:
        if isinstance(url, UrlFromFile):
            # A secret that is just being replaced: the next attempt may find it whole.
            raise StoreUnavailableError(f"the URL's file {error}") from error
        raise SettingsError(f"{DATABASE_VARIABLE} cannot be understood: {error}") from error
    except OSError as error:
        for parameter, path in _tls_files(url).items():
            if not os.access(path, os.R_OK):
                raise SettingsError(f"{parameter}={path}, named in {DATABASE_VARIABLE}, cannot be read") from error
        raise


def _tls_files(url: str) -> dict[str, str]:
    given = parse_qs(urlsplit(url).query)
    return {name: given[name][-1] for name in ("sslrootcert", "sslcert", "sslkey") if name in given}
