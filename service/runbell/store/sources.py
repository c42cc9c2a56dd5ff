"""The attached sources: attaching them, and the functions in the database that look after them."""

from runbell.core.events import StepFailure
from runbell.core.finality import RetrySign
from runbell.core.sources import AttachedSource
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


async def read_attached_sources(session: Session) -> list[AttachedSource]:
    """The attached sources, by name."""
    with translated():
        rows = await session.fetch(statement("read_attached_sources"))
    return [AttachedSource(**dict(row)) for row in rows]


async def close_source_gaps(session: Session, source: str, most: int) -> int:
    """Record what was not captured, of at most that many runs; gives the number of events.

    Raises:
        StatementRefusedError: the source's tables cannot be read.
    """
    with translated():
        recorded: int = await session.fetchval(statement("close_source_gaps"), source, most)
    return recorded


async def read_step_failures(session: Session, source: str, run_id: str) -> list[StepFailure]:
    """The failed steps of a run, oldest first.

    Raises:
        StatementRefusedError: the source's tables cannot be read.
    """
    with translated():
        rows = await session.fetch(statement("read_step_failures"), source, run_id)
    return [StepFailure(**dict(row)) for row in rows]


async def read_retry_tag(session: Session, source: str, run_id: str, event_id: int) -> RetrySign:
    """What the source says now of a run that failed with this event: will it be retried?

    Raises:
        StatementRefusedError: the source's tables cannot be read.
    """
    with translated():
        row = await session.fetchrow(statement("read_retry_tag"), source, run_id, event_id)
    return RetrySign(**dict(row or {}))


async def attach_source(session: Session, source: str, kind: str, settings: str) -> bool:
    """Attach a source, without triggers; False: it was attached already. `settings` is JSON text.

    Raises:
        StatementRefusedError: a table, column or right is missing, or it is attached to something else.
    """
    with translated():
        attached: bool = await session.fetchval(statement("attach_source"), source, kind, settings)
    return attached


async def set_source_triggers(session: Session, source: str, form: str) -> bool:
    """Give an attached source its triggers (`row`, `statement`, `none`); False: somebody holds the table, try again.

    Raises:
        StatementRefusedError: a right is missing, or the table takes no triggers.
    """
    with translated():
        done: bool = await session.fetchval(statement("set_source_triggers"), source, form)
    return done


async def detach_source(session: Session, source: str) -> bool:
    """Detach a source; False: somebody holds its table, try again.

    Raises:
        StatementRefusedError: it is not attached, or a right is missing.
    """
    with translated():
        done: bool = await session.fetchval(statement("detach_source"), source)
    return done


async def check_attached_source(session: Session, source: str) -> list[str]:
    """What is wrong with an attached source, in sentences; empty: nothing."""
    with translated():
        rows = await session.fetch(statement("check_attached_source"), source)
    return [row["fault"] for row in rows]
