"""The server itself: may stored places be trusted on it, and where does it stand now."""

from dataclasses import dataclass

from runbell.core.places import Snapshot
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What a server says of itself; `ahead` is a sensor whose place lies above it."""

    in_recovery: bool
    other_cluster: bool
    ahead: str | None
    timeline: int


async def check_server(session: Session) -> ServerCheck:
    """Ask the server that this session is connected to."""
    with translated():
        (row,) = await session.fetch(statement("check_server"))
    return ServerCheck(row["in_recovery"], row["other_cluster"], row["ahead"], row["timeline"])


async def read_snapshot(session: Session) -> Snapshot:
    """Where the server stands now."""
    with translated():
        return Snapshot.parse(await session.fetchval(statement("read_snapshot")))
