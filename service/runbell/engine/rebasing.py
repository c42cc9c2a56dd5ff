"""Makes stored places mean on this server what they meant when they were written, before anything is read by them."""

import anyio
import structlog

from runbell.core.errors import WrongServerError
from runbell.store.connections import Session, connect
from runbell.store.server import Rebased, check_places, rebase_places

log = structlog.get_logger()
# Another process is at it: look again after so long.
BUSY_SECONDS = 0.2
# Nobody's deadline fits the renumbering of a big table.
PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}


async def trust_places(url: str, session: Session, *, role: str) -> None:
    """Return once the places mean something here, after a restore into another cluster by rebasing them.

    Raises:
        StoreUnavailableError: a restore is still going on, or the database is lost.
        WrongServerError: rebasing did not help.
    """
    rebased: Rebased | None = None
    while (reason := await check_places(session)) is not None:
        if rebased is not None and not rebased.busy:
            raise WrongServerError(f"{reason}, and rebasing its places did not help")
        rebased = await _rebase(url, role)
        if rebased.busy:
            await anyio.sleep(BUSY_SECONDS)
        elif rebased.sensors or rebased.events:
            facts = {"sensors": rebased.sensors, "events": rebased.events, "unread": rebased.unread}
            log.warning("places_rebased", reason=reason, **facts)


async def _rebase(url: str, role: str) -> Rebased:
    """In a session of its own: what is rebased on a session with deadlines might never come to an end."""
    session = await connect(url, role=role, command_seconds=None, **PATIENT)
    try:
        return await rebase_places(session)
    finally:
        session.terminate()
