"""Reads what a source knows of a run beyond its status change."""

from runbell.core.events import RunEvent, StepFailure
from runbell.core.finality import RetrySign
from runbell.core.run_records import LoggedEvent, merge_log
from runbell.store import sources
from runbell.store.connections import Session
from runbell.store.runs import read_status_changes


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


async def read_run_log(session: Session, source: str, run_id: str) -> list[LoggedEvent]:
    """What was recorded of a run, oldest first: the changes of its status, and its failed steps.

    Raises:
        StatementRefusedError: the source's tables cannot be read.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def types(session, run_id):
        ...     return [logged.event_type_value for logged in await read_run_log(session, "sql", run_id)]
    """
    changes = await read_status_changes(session, source, run_id)
    return merge_log(changes, await sources.read_step_failures(session, source, run_id))


async def read_retry_sign(session: Session, failure: RunEvent) -> RetrySign:
    """What the source says now of a run that failed: will it be retried?

    Raises:
        StatementRefusedError: the source's tables cannot be read.
        StoreUnavailableError: the database cannot be reached.

    Example:
        >>> async def is_retried(session, failure):
        ...     return (await read_retry_sign(session, failure)).retried
    """
    return await sources.read_retry_tag(session, failure.source, failure.run_id, failure.event_id)
