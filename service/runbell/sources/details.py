"""Reads what a source knows of a run beyond its status change."""

from runbell.core.events import StepFailure
from runbell.store import sources
from runbell.store.connections import Session


async def read_step_failures(session: Session, source: str, run_id: str) -> list[StepFailure]:
    """The failed steps of a run, oldest first: from the orchestrator's own log, or as recorded by SQL.

    Raises:
        StatementRefusedError: the source's tables cannot be read.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def failed_steps(session, run_id):
        ...     return [failure.step_key for failure in await read_step_failures(session, "dagster", run_id)]
    """
    return await sources.read_step_failures(session, source, run_id)
