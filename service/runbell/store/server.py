"""The server itself: is it the same for every session, may stored places be trusted on it, where does it stand now."""

from dataclasses import dataclass

from runbell.core.errors import StoreUnavailableError, WrongServerError
from runbell.core.places import Snapshot
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(slots=True)
class OneServer:
    """Asked by each new session of a term: all of them must reach the same server with the same history.

    A pool opens sessions whenever it needs them, and an address may lead to another server by then.
    """

    _known: tuple[int, int] | None = None

    async def identify_server(self, session: Session) -> None:
        """Let the session pass, or not.

        Raises:
            StoreUnavailableError: a hot standby, or not the server of the first session. Both may pass by waiting.
        """
        with translated():
            (row,) = await session.fetch(statement("identify_server"))
        found = (row["system_identifier"], row["timeline"])
        if row["in_recovery"]:
            raise StoreUnavailableError("the server is a hot standby (in recovery): give the primary's address")
        if self._known is not None and found != self._known:
            raise StoreUnavailableError(f"sessions reach different servers or histories: {self._known} and {found}")
        self._known = found


async def check_places(session: Session) -> None:
    """Stored places must mean on this server what they meant when they were written.

    Raises:
        WrongServerError: they do not; waiting cannot mend it.
    """
    with translated():
        (row,) = await session.fetch(statement("check_places"))
    if row["other_cluster"]:
        raise WrongServerError(
            "this database was restored into another cluster than the one it was migrated in: its places name "
            "transactions of the old one"
        )
    if row["ahead"] is not None:
        raise WrongServerError(
            f"the place of sensor {row['ahead']!r} lies above this server's transactions: it belongs to a history that "
            "this server does not have"
        )


async def read_snapshot(session: Session) -> Snapshot:
    """Where the server stands now."""
    with translated():
        return Snapshot.parse(await session.fetchval(statement("read_snapshot")))
