"""The targets of run requests: which wait for a launcher, and which are paused."""

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.statements import statement


async def pause_target(session: Session, target: str) -> bool:
    """Let requests for a target wait; False: they did already."""
    with translated():
        changed: bool = await session.fetchval(statement("pause_target"), target)
    return changed


async def resume_target(session: Session, target: str) -> bool:
    """Have requests for a target launched again; False: they were not waiting."""
    with translated():
        changed: bool = await session.fetchval(statement("resume_target"), target)
    return changed


async def list_targets(session: Session, limit: int) -> list[Listed]:
    """The targets that have open requests, or are paused, by name."""
    with translated():
        rows = await session.fetch(statement("list_targets"), limit)
    return listed(rows)
