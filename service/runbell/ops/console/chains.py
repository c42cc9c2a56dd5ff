"""The chain that a run belongs to: the runs that led to it, what sensors made of its events, and what that led to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from runbell.core.filters import Filter
from runbell.core.lags import kind_matches
from runbell.store import inspection
from runbell.store.chains import Cause, find_cause
from runbell.store.connections import Session
from runbell.store.inspection import Row

# A chain may be endless: so far up and down, and so many rows, are shown.
DEPTH = 10
ROWS = 300
# Of many sensors that ask for the same, so many are looked at.
WATCHERS = 1000


@dataclass(slots=True)
class Event:
    """A status change, with what was made of it.

    Attributes:
        settled: sensors that were evaluated for it and neither requested a run nor failed.
        awaited: sensors that ask for it and have not got so far.
    """

    row: Row
    reactions: list["Reaction"] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    awaited: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Reaction:
    """A request, or an evaluation that waits or was given up; with the run that was started for it."""

    row: Row
    run: "ChainedRun | None" = None


@dataclass(slots=True)
class ChainedRun:
    """A run in a chain, with its events."""

    source: str
    run_id: str
    events: list[Event] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Chain:
    """What led to a run, the first cause first, and what came of it.

    Attributes:
        cut: there is more than is shown.
    """

    causes: Sequence[Cause]
    run: ChainedRun
    cut: bool


async def read_chain(session: Session, source: str, run_id: str) -> Chain:
    """The chain of a run, level by level."""
    top = ChainedRun(source, run_id)
    known = {(source, run_id): top}
    level, rows = [top], 0
    for _ in range(DEPTH):
        rows += await _read_level(session, level)
        level = _started_by(level, known)
        if not level or rows >= ROWS:
            break
    await _read_watchers(session, list(known.values()))
    causes = await _read_causes(session, source, run_id)
    return Chain(causes, top, cut=bool(level) or rows >= ROWS or len(causes) == DEPTH)


async def _read_level(session: Session, runs: Sequence[ChainedRun]) -> int:
    """Fill in the events of these runs and what was made of them; how many rows that were."""
    events = await inspection.list_events_of_runs(session, [(run.source, run.run_id) for run in runs], ROWS)
    reactions = await inspection.list_reactions(session, [int(str(row["event_id"])) for row in events], ROWS)
    of_event = defaultdict(list)
    for row in reactions:
        of_event[row["event_id"]].append(Reaction(row))
    by_run = {(run.source, run.run_id): run for run in runs}
    for row in events:
        run = by_run[str(row["source"]), str(row["run_id"])]
        run.events.append(Event(row, of_event[row["event_id"]]))
    return len(events) + len(reactions)


async def _read_watchers(session: Session, runs: Sequence[ChainedRun]) -> None:
    """Fill in who was evaluated for the events of runs without leaving a trace, as their filters are today."""
    events = {int(str(event.row["event_id"])): event for run in runs for event in run.events}
    filters: dict[str, Filter | None] = {}
    for watcher in await inspection.list_watchers(session, list(events), WATCHERS):
        event, name = events[watcher.event_id], watcher.sensor_name
        wanted = filters.setdefault(watcher.filter, Filter.read(watcher.filter))
        if wanted is None or not kind_matches(watcher.kind, wanted, name):
            continue
        if not watcher.passed:
            event.awaited.append(name)
        elif all(reaction.row["sensor_name"] != name for reaction in event.reactions):
            event.settled.append(name)


def _started_by(runs: Sequence[ChainedRun], known: dict[tuple[str, str], ChainedRun]) -> list[ChainedRun]:
    """The runs that were started for what these led to, each once."""
    started = []
    for reaction in (reaction for run in runs for event in run.events for reaction in event.reactions):
        key = (str(reaction.row["target"]), str(reaction.row["run_id"]))
        if reaction.row["run_id"] is not None and key not in known:
            reaction.run = known[key] = ChainedRun(*key)
            started.append(reaction.run)
    return started


async def _read_causes(session: Session, source: str, run_id: str) -> list[Cause]:
    causes: list[Cause] = []
    run: tuple[str, str] | None = (source, run_id)
    seen = {run}
    while run is not None and len(causes) < DEPTH:
        cause = await find_cause(session, *run)
        if cause is None:
            break
        causes.append(cause)
        run = None if cause.run in seen else cause.run
        seen.add(run)
    return causes[::-1]
