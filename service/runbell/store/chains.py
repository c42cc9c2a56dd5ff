"""What became of runs: their status changes, what sensors answered, and which run led to which."""

from collections.abc import Sequence
from dataclasses import dataclass

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

    source: str
    run_id: str
    event_id: int
    recorded_at: str
    message: str | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Watcher:
    """A sensor that asks for the status of an event.

    Attributes:
        filter: as stored, JSON text; it decides whether the sensor asks for the event itself.
        passed: its place has.
    """

    event_id: int
    sensor_name: str
    filter: str
    active: bool
    passed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that is recorded of a sensor's answer to an event.

    Attributes:
        kind: `request` or `evaluation` (it waits or was given up).
        id: of that row.
        state: of that row.
    """

    event_id: int
    sensor_name: str
    kind: str
    id: int
    state: str
    job_name: str | None
    target: str | None
    run_id: str | None
    attempts: int
    error: str | None


@dataclass(frozen=True, slots=True)
class TickOutcome:
    """How a sensor's newest tick over an event ended for it; `said`: the reason or the error."""

    sensor_name: str
    event_id: int
    outcome: str
    said: str | None


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


async def list_runs_at(session: Session, runs: Sequence[tuple[str, str]]) -> list[FoundRun]:
    """These runs, each given as source and id, as far as they have been recorded."""
    with translated():
        rows = await session.fetch(statement("list_runs_at"), *_columns(runs))
    return [FoundRun(*row.values()) for row in rows]


async def list_run_events(session: Session, runs: Sequence[tuple[str, str]], limit: int) -> list[RunEventRow]:
    """The status changes of these runs, each given as source and id, as they were recorded."""
    with translated():
        rows = await session.fetch(statement("list_run_events"), *_columns(runs), limit)
    return [
        RunEventRow(
            row["source"],
            row["run_id"],
            row["event_id"],
            row["recorded_at"],
            row["message"],
            Kind(*list(row.values())[5:]),
        )
        for row in rows
    ]


async def list_watchers(session: Session, event_ids: Sequence[int], limit: int) -> list[Watcher]:
    """The sensors that ask for the statuses of these events."""
    with translated():
        rows = await session.fetch(statement("list_watchers"), list(event_ids), limit)
    return [Watcher(*row.values()) for row in rows]


async def list_event_answers(session: Session, event_ids: Sequence[int], limit: int) -> list[Answer]:
    """The requests that answer these events, and the evaluations of them that wait or were given up."""
    with translated():
        rows = await session.fetch(statement("list_event_answers"), list(event_ids), limit)
    return [Answer(*row.values()) for row in rows]


async def list_tick_outcomes(session: Session, asked: Sequence[tuple[str, int]]) -> list[TickOutcome]:
    """How ticks ended for these events, each given with the name of the sensor; of some there is no record."""
    names, event_ids = [name for name, _ in asked], [event_id for _, event_id in asked]
    with translated():
        rows = await session.fetch(statement("list_tick_outcomes"), names, event_ids)
    return [TickOutcome(*row.values()) for row in rows]


async def find_cause(session: Session, source: str, run_id: str) -> Cause | None:
    """What led to this run; None: nobody requested it."""
    with translated():
        row = await session.fetchrow(statement("find_cause"), source, run_id)
    return None if row is None else Cause(*row.values())


def _columns(runs: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [source for source, _ in runs], [run_id for _, run_id in runs]
