"""Runs as they are known now, for sensors that ask."""

import asyncpg

from runbell.core.run_queries import RunsQuery
from runbell.core.run_records import LoggedEvent
from runbell.core.runs import RunFacts
from runbell.core.statuses import event_type_of
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


async def read_run(session: Session, run_id: str, source: str) -> RunFacts | None:
    """A run by its id, of this source if it has one; None if it is not known."""
    with translated():
        row = await session.fetchrow(statement("read_run"), run_id, source)
    return None if row is None else _facts_of(row)


async def read_runs(session: Session, query: RunsQuery) -> list[RunFacts]:
    """The runs that are asked for, in the order that was asked for."""
    with translated():
        rows = await session.fetch(
            statement("read_runs"),
            query.source,
            query.run_ids,
            query.job_name,
            query.statuses,
            query.tags,
            query.updated_after,
            query.updated_before,
            query.created_after,
            query.created_before,
            query.before,
            query.order,
            query.ascending,
            query.limit,
        )
    return [_facts_of(row) for row in rows]


async def read_status_changes(session: Session, source: str, run_id: str) -> list[LoggedEvent]:
    """The recorded changes of a run's status, oldest first."""
    with translated():
        rows = await session.fetch(statement("read_status_changes"), source, run_id)
    return [
        LoggedEvent(
            event_type_value=event_type_of(row["status"]),
            job_name=row["job_name"],
            step_key=None,
            message=row["message"],
            error=row["error"],
            recorded_at=row["recorded_at"],
        )
        for row in rows
    ]


def _facts_of(row: asyncpg.Record) -> RunFacts:
    return RunFacts(**dict(row))
