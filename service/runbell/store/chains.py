"""What became of runs: their status changes, what sensors answered, and which run led to which."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.events import EventKey
from runbell.core.lags import Kind
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run as it stands now."""

    source: str
    run_id: str
    job_name: str
    code_location: str | None
    status: str


@dataclass(frozen=True, slots=True)
class RunEventRow:
    """One status change of a run."""

    key: EventKey
    recorded_at: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that is recorded of a sensor's answer to an event.

    Attributes:
        kind: `request`, `evaluation` (it waits or was given up) or `tick`.
        id: of that row.
        state: of that row; of a tick the outcomes that it has.
        said: an error or a reason.
    """

    kind: str
    sensor_name: str
    event_id: int
    id: int
    state: str
    said: str | None
    attempts: int | None
    job_name: str | None
    target: str | None
    run_id: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """The request that a run came of, and the run whose status change it answers; None where that event is gone."""

    request_id: int
    sensor_name: str
    source: str | None
    run_id: str | None
    job_name: str | None
    status: str | None

    @property
    def run(self) -> tuple[str, str] | None:
        """Source and id of the run that it answers."""
        return None if self.source is None or self.run_id is None else (self.source, self.run_id)


async def find_runs(session: Session, run_id: str) -> list[FoundRun]:
    """The runs of this id, of every source."""
    with translated():
        rows = await session.fetch(statement("find_runs"), run_id)
    return [FoundRun(*row.values()) for row in rows]


async def list_run_events(session: Session, source: str, run_id: str) -> list[RunEventRow]:
    """The status changes of a run, as they were recorded."""
    with translated():
        rows = await session.fetch(statement("list_run_events"), source, run_id)
    return [
        RunEventRow(EventKey(row["xid"], row["event_id"]), row["recorded_at"], Kind(*list(row.values())[3:]))
        for row in rows
    ]


async def list_event_answers(session: Session, sensor_names: Sequence[str], event_ids: Sequence[int]) -> list[Answer]:
    """What is recorded of these sensors' answers to these events."""
    with translated():
        rows = await session.fetch(statement("list_event_answers"), list(sensor_names), list(event_ids))
    return [Answer(*row.values()) for row in rows]


async def find_cause(session: Session, source: str, run_id: str) -> Cause | None:
    """What led to this run; None: nobody requested it."""
    with translated():
        row = await session.fetchrow(statement("find_cause"), source, run_id)
    return None if row is None else Cause(*row.values())
