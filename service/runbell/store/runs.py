"""Runs as they are known now, for sensors that ask."""

import asyncpg

from runbell.core.runs import RunFacts
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


async def read_run(session: Session, run_id: str, source: str) -> RunFacts | None:
    """A run by its id, of this source if it has one; None if it is not known."""
    with translated():
        row = await session.fetchrow(statement("read_run"), run_id, source)
    return None if row is None else _facts_of(row)


def _facts_of(row: asyncpg.Record) -> RunFacts:
    return RunFacts(**dict(row))
