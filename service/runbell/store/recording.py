"""Records status changes and step failures through the functions that any orchestrator may call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """One status change of a run, as `runbell.record_run_status` takes it. `run_config` is JSON text."""

    source: str
    run_id: str
    job_name: str
    status: str
    code_location: str | None = None
    partition_key: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    run_config: str = "{}"
    message: str | None = None
    error: Mapping[str, Any] | None = None


async def record_run_status(session: Session, change: StatusChange) -> int:
    """Record one status change of a run; gives its event id.

    Raises:
        StatementRefusedError: the database refuses a value.
        StoreUnavailableError: the database cannot be reached.
    """
    with translated():
        recorded: int = await session.fetchval(
            statement("record_run_status"),
            change.run_id,
            change.job_name,
            change.status,
            change.code_location,
            change.partition_key,
            _json(change.tags),
            change.run_config,
            change.message,
            None if change.error is None else _json(change.error),
            change.source,
        )
    return recorded


async def record_step_failure(
    session: Session, *, source: str, run_id: str, step_key: str, error: Mapping[str, Any]
) -> int:
    """Record the failure of one step; gives its id. To be called before the run's own failure is recorded.

    Raises:
        StatementRefusedError: the database refuses a value.
        StoreUnavailableError: the database cannot be reached.
    """
    with translated():
        recorded: int = await session.fetchval(statement("record_step_failure"), run_id, step_key, _json(error), source)
    return recorded


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()
