"""Sessions as the driver makes them: kept alive on the wire, and what is different where a pooler relays statements.

A transaction pooler gives each transaction to whichever backend is free. A setting, lock or prepared statement of ours
would stay on that backend, where others find it. So each statement is a transaction there, begins with its own
settings, and is prepared without a name.
"""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

import asyncpg
import msgspec

from runbell.store.statements import statement

if TYPE_CHECKING:
    Driver = asyncpg.Connection[asyncpg.Record]
else:
    Driver = asyncpg.Connection

# A peer that has gone without a word is noticed within half a minute, on either side, and not after two hours.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 25_000}
SERVER_KEEPALIVE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
}

# The setting that chooses the level would come too late: it counts for the next transaction.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Until ours are there, time-outs that the operator gave to the database or the role count.
PATIENTLY = "SET LOCAL statement_timeout = 0; "


def apply_settings(settings: Mapping[str, str], *, backend: int | None = None) -> str:
    """The statement, without parameters, that gives these settings to the session, if this backend answers.

    Without `backend` it gives them to the transaction.
    """
    document = msgspec.json.encode(settings).decode().replace("'", "''")
    text = "\n".join(line for line in statement("apply_settings").splitlines() if not line.startswith("--"))
    text = text.replace("$1", f"'{document}'").replace("$2", str(backend or "NULL")).replace("$3", str(backend is None))
    return PATIENTLY + text


class KeptConnection(Driver):
    """A session whose TCP connection, if it is one, is asked for signs of life."""

    def __init__(self, protocol: Any, transport: Any, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        wire = transport.get_extra_info("socket")
        if wire is not None and wire.family in (socket.AF_INET, socket.AF_INET6):
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in KEEPALIVE.items():
                # Not every system has all of them.
                if hasattr(socket, name):
                    wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    async def takes(self, settings: Mapping[str, str]) -> bool:
        """Give the session its settings; False: a pooler stands in between, and nothing was set."""
        # By the simple protocol: its answer is the command's tag, with the number of rows.
        tag = await self.execute(apply_settings(settings, backend=self.get_server_pid()))
        return not tag.endswith(" 0")


class RelayedConnection(KeptConnection):
    """A session behind a pooler: whatever is sent outside of a transaction is one of its own."""

    opening: ClassVar[str]

    def __init__(self, protocol: Any, transport: Any, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        self._understood: set[str] = set()

    # The driver sends BEGIN, COMMIT and ROLLBACK of its transactions this way, and never with parameters.
    async def execute(self, query: str, *args: object, timeout: float | None = None) -> str:
        if self.is_in_transaction():
            return await super().execute(query, *args, timeout=timeout)
        if query.startswith("BEGIN"):
            begin = query.rstrip(";")
            return await super().execute(f"{BEGIN if begin == 'BEGIN' else begin}; {self.opening}", timeout=timeout)
        async with self._transaction(query):
            return await super().execute(query, *args, timeout=timeout)

    async def fetch(self, query: str, *args: object, **how: Any) -> Any:
        async with self._transaction(query):
            return await super().fetch(query, *args, **how)

    async def fetchrow(self, query: str, *args: object, **how: Any) -> Any:
        async with self._transaction(query):
            return await super().fetchrow(query, *args, **how)

    async def fetchval(self, query: str, *args: object, **how: Any) -> Any:
        async with self._transaction(query):
            return await super().fetchval(query, *args, **how)

    async def prepare(self, query: str, **how: Any) -> Any:
        """Prepare without a name, whatever is asked for: it has to be used within the transaction."""
        return await super().prepare(query, **{**how, "name": ""})

    @asynccontextmanager
    async def _transaction(self, query: str) -> AsyncIterator[None]:
        if self.is_in_transaction():
            yield
            return
        if query not in self._understood:
            # What the driver asks the server about types goes with a setting of the session, which is undone here.
            async with self._between("ROLLBACK"):
                await super().prepare(query, name="")
            self._understood.add(query)
        async with self._between("COMMIT"):
            yield

    @asynccontextmanager
    async def _between(self, end: str) -> AsyncIterator[None]:
        send = super().execute
        try:
            await send(f"{BEGIN}; {self.opening}")
            yield
            await send(end)
        except asyncpg.PostgresError:
            await self._roll_back()
            raise
        except BaseException:
            # Cancelled or cut off: how far it got is unknown, and nobody may go on in half a transaction.
            self.terminate()
            raise

    async def _roll_back(self) -> None:
        ended = False
        # What went wrong at first is what matters.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            try:
                await super().execute("ROLLBACK")
                ended = True
            finally:
                if not ended:
                    self.terminate()


def is_relayed(session: object) -> bool:
    """Is there a pooler between this session and the server? (To `isinstance` all of the driver's classes are one.)"""
    return issubclass(type(session), RelayedConnection)


def relayed(settings: Mapping[str, str]) -> type[RelayedConnection]:
    """The class of sessions behind a pooler whose transactions have these settings."""
    return type("RelayedConnection", (RelayedConnection,), {"opening": apply_settings(settings)})
