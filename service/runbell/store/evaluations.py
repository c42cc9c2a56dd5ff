"""Evaluations that wait in their table: which are due, and with which events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runbell.core.events import RunEvent
from runbell.store.connections import Session
from runbell.store.events import event_of
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class DueEvaluation:
    """A row that has to be called in `due_in` seconds (zero or less: now)."""

    evaluation_id: int
    sensor_name: str
    event_id: int
    replay: int
    due_in: float


@dataclass(frozen=True, slots=True)
class WaitingEvaluation:
    """A row with its event; None when the event is gone. `age`: seconds since its first call failed, else zero."""

    sensor_name: str
    replay: int
    attempts: int
    age: float
    event: RunEvent | None


async def find_due_evaluations(
    session: Session, sensor_names: Iterable[str], *, running: bool, count: int = 1000
) -> list[DueEvaluation]:
    """What these sensors have to call again, soonest first; with `running`, what the last holder left running."""
    with translated():
        rows = await session.fetch(statement("find_due_evaluations"), sorted(sensor_names), running, count)
    return [DueEvaluation(*row.values()) for row in rows]


async def read_events_by_id(session: Session, evaluation_ids: Sequence[int]) -> list[WaitingEvaluation]:
    """The rows of these ids with their events, in the events' order."""
    with translated():
        rows = await session.fetch(statement("read_events_by_id"), list(evaluation_ids))
    return [
        WaitingEvaluation(
            row["sensor_name"],
            row["replay"],
            row["attempts"],
            row["age"],
            None if row["event_id"] is None else event_of(row),
        )
        for row in rows
    ]
