"""Whether a server is as Runbell needs it: version, rights, triggers, clock, and notifications that arrive."""

from dataclasses import dataclass
from typing import Any

import anyio

from runbell.store.bell import ring_events
from runbell.store.connections import Session, connect
from runbell.store.failures import translated
from runbell.store.relayed import is_relayed
from runbell.store.statements import statement

CHANNEL = "runbell_events"
HEARD_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class DoctorFacts:
    """What may be wrong with a server.

    Attributes:
        has_usage: of schema runbell; None: there is none.
        sees_others: it is shown what sessions of other users do.
        stamped: events are stamped with their transactions.
        now: its clock, in seconds since 1970.
    """

    version_number: int
    version: str
    in_recovery: bool
    user_name: str
    has_usage: bool | None
    sees_others: bool
    stamped: bool
    now: float


async def read_doctor_facts(session: Session) -> DoctorFacts:
    """Ask the server for them."""
    with translated():
        (row,) = await session.fetch(statement("read_doctor_facts"))
    return DoctorFacts(*row.values())


async def list_missing_rights(session: Session) -> list[str]:
    """What this role may not do of what it must."""
    with translated():
        rows = await session.fetch(statement("list_missing_rights"))
    return [row["missing"] for row in rows]


async def hears(url: str) -> bool:
    """Does a notification arrive on a session of this address? Daemons that sleep are rung awake by the question."""
    session = await connect(url, role="command")
    heard = anyio.Event()

    def ring(*_: Any) -> None:
        heard.set()

    try:
        if is_relayed(session):
            return False
        with translated():
            await session.add_listener(CHANNEL, ring)
        await ring_events(session)
        with anyio.move_on_after(HEARD_SECONDS):
            await heard.wait()
        return heard.is_set()
    finally:
        session.terminate()
