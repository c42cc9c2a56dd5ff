"""The server itself: is it the same for every session, may stored places be trusted on it, where does it stand now."""

from dataclasses import dataclass

from runbell.core.errors import StoreUnavailableError
from runbell.core.places import Snapshot
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(slots=True)
class OneServer:
    """Asked by each new session of a term: all of them must reach the same server with the same history.

    A pool opens sessions whenever it needs them, and an address may lead to another server by then.
    """

    _known: tuple[int, str, str] | None = None

    async def identify_server(self, session: Session) -> None:
        """Let the session pass, or not.

        Raises:
            StoreUnavailableError: a hot standby, or not the server of the first session. Both may pass by waiting.
        """
        with translated():
            (row,) = await session.fetch(statement("identify_server"))
        if row["in_recovery"]:
            raise StoreUnavailableError("the server is a hot standby (in recovery): give the primary's address")
        found = (row["system_identifier"], row["timeline"], row["database_name"])
        if self._known is not None and found != self._known:
            raise StoreUnavailableError(
                f"sessions reach different servers or histories, or databases: {self._known} and {found}; "
                "RUNBELL_LISTEN_URL, if it is set, must lead to the database of RUNBELL_DATABASE_URL"
            )
        self._known = found


async def check_places(session: Session) -> str | None:
    """Why the stored places mean something else on this server than when they were written; None: they do not.

    Raises:
        StoreUnavailableError: a restore is still going on.
    """
    with translated():
        (row,) = await session.fetch(statement("check_places"))
    if row["unfinished"]:
        raise StoreUnavailableError(
            "trigger stamp_run_event of runbell.run_events is missing or not enabled ALWAYS: a restore is not "
            "finished yet, or somebody changed it"
        )
    if row["other_cluster"]:
        return "the database was restored into another cluster"
    if row["ahead"] is not None:
        return f"the place of sensor {row['ahead']!r} lies above this server's transactions"
    return None


@dataclass(frozen=True, slots=True)
class Rebased:
    """What rebasing came to.

    Attributes:
        busy: nothing, because another process is at it.
        sensors, events: those whose places and transaction ids were said anew; both zero when nothing was wrong.
        unread: events that some sensor had not passed, as far as is known: they are read again.
    """

    busy: bool
    sensors: int
    events: int
    unread: int


async def rebase_places(session: Session) -> Rebased:
    """Say anew what each place has passed. As long as it takes: give it a session without time-outs."""
    with translated():
        (row,) = await session.fetch(statement("rebase_places"))
    return Rebased(*row.values())


async def read_snapshot(session: Session) -> Snapshot:
    """Where the server stands now."""
    with translated():
        return Snapshot.parse(await session.fetchval(statement("read_snapshot")))
