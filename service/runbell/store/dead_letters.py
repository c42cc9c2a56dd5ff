"""Dead letters: listing them, and putting an end to them one way or the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class FoundEvaluation:
    """An evaluation that a command is about. `has_event`: it could be called again."""

    evaluation_id: int
    sensor_name: str
    state: str
    has_event: bool


async def list_dead_letters(
    session: Session,
    *,
    evaluation_id: int | None = None,
    sensor_name: str | None = None,
    older_than: float | None = None,
    limit: int,
) -> list[Listed]:
    """The newest dead letters: with one id, of one sensor, given up so many seconds ago at least, where given."""
    with translated():
        return listed(
            await session.fetch(statement("list_dead_letters"), evaluation_id, sensor_name, older_than, limit)
        )


async def find_dead_letters(
    session: Session,
    evaluation_ids: Sequence[int] | None = None,
    *,
    sensor_name: str | None = None,
    older_than: float | None = None,
) -> list[FoundEvaluation]:
    """The evaluations of these ids, whatever their state; without ids the dead ones of a sensor, of an age."""
    ids = None if evaluation_ids is None else list(evaluation_ids)
    with translated():
        rows = await session.fetch(statement("find_dead_letters"), ids, sensor_name, older_than)
    return [FoundEvaluation(*row.values()) for row in rows]


async def knows_sensor(session: Session, sensor_name: str) -> bool:
    """Is there such a sensor, deployed or gone?"""
    with translated():
        return bool(await session.fetchval(statement("knows_sensor"), sensor_name))


async def retry_dead_letters(session: Session, evaluation_ids: Sequence[int]) -> list[int]:
    """Make these due now, as if they had never been called; the ids of those that still were dead."""
    with translated():
        rows = await session.fetch(statement("retry_dead_letters"), list(evaluation_ids))
    return [row["evaluation_id"] for row in rows]


async def drop_dead_letters(session: Session, evaluation_ids: Sequence[int]) -> list[int]:
    """Remove these for ever; the ids of those that still were dead."""
    with translated():
        rows = await session.fetch(statement("drop_dead_letters"), list(evaluation_ids))
    return [row["evaluation_id"] for row in rows]
