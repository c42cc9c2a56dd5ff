"""What became of a run, as a tree: its status changes, who answered them and how, and the runs that came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from runbell.core.lags import kind_matches
from runbell.store.chains import (
    Answer,
    FoundRun,
    RunEventRow,
    find_cause,
    find_runs,
    list_event_answers,
    list_run_events,
)
from runbell.store.connections import Session
from runbell.store.overview import SensorState, read_sensor_states

# A chain that is longer is cut, and says so.
MOST_RUNS = 200
NO_RECORD = "no record: it came before the sensor did, or its record is gone"


@dataclass(slots=True)
class RequestNode:
    """A run request, and the run that came of it, if one is known."""

    request_id: int
    job_name: str
    target: str
    state: str
    run_id: str | None
    error: str | None
    run: "RunNode | None" = None


@dataclass(slots=True)
class AnswerNode:
    """What one sensor did for one event: `outcome` in words, `said` the last line of a reason or an error."""

    sensor_name: str
    outcome: str
    said: str | None = None
    requests: list[RequestNode] = field(default_factory=list)


@dataclass(slots=True)
class EventNode:
    """A status change and the sensors that it reached."""

    event_id: int
    status: str
    recorded_at: str
    answers: list[AnswerNode] = field(default_factory=list)


@dataclass(slots=True)
class RunNode:
    """A run; `asked`: it is the one that the command names. `cut`: what came of it is not followed any further."""

    source: str
    run_id: str
    job_name: str
    status: str
    asked: bool = False
    cut: bool = False
    events: list[EventNode] = field(default_factory=list)


async def read_chain(session: Session, run_id: str) -> list[RunNode]:
    """The chains that runs of this id belong to, each from the run that began it; usually one."""
    asked = {(run.source, run.run_id) for run in await find_runs(session, run_id)}
    states = {state.sensor_name: state for state in await read_sensor_states(session)}
    roots = {await _root(session, run): None for run in sorted(asked)}
    chain = _Chain(session, states, asked)
    return [node for root in roots if (node := await chain.run(*root)) is not None]


async def _root(session: Session, run: tuple[str, str]) -> tuple[str, str]:
    seen = {run}
    while (cause := await find_cause(session, *run)) is not None and cause.run is not None and cause.run not in seen:
        run = cause.run
        seen.add(run)
    return run


@dataclass(slots=True)
class _Chain:
    """Follows requests to runs, each run once."""

    session: Session
    states: dict[str, SensorState]
    asked: set[tuple[str, str]]
    seen: set[tuple[str, str]] = field(default_factory=set)

    async def run(self, source: str, run_id: str) -> RunNode | None:
        found = [run for run in await find_runs(self.session, run_id) if run.source == source]
        if not found:
            return None
        node = self._node(found[0])
        if (source, run_id) in self.seen or len(self.seen) >= MOST_RUNS:
            node.cut = True
            return node
        self.seen.add((source, run_id))
        rows = await list_run_events(self.session, source, run_id)
        answers = await list_event_answers(self.session, sorted(self.states), [row.key.event_id for row in rows])
        for row in rows:
            node.events.append(await self._event(row, [one for one in answers if one.event_id == row.key.event_id]))
        return node

    def _node(self, run: FoundRun) -> RunNode:
        asked = (run.source, run.run_id) in self.asked
        return RunNode(run.source, run.run_id, run.job_name, run.status, asked=asked)

    async def _event(self, row: RunEventRow, answers: Sequence[Answer]) -> EventNode:
        node = EventNode(row.key.event_id, row.kind.status, row.recorded_at)
        for name, state in self.states.items():
            mine = [one for one in answers if one.sensor_name == name]
            if any(one.kind == "request" for one in mine) or kind_matches(row.kind, state.filter, name):
                node.answers.append(await self._answer(row, state, mine))
        return node

    async def _answer(self, row: RunEventRow, state: SensorState, mine: Sequence[Answer]) -> AnswerNode:
        node = answered(row, state, mine)
        for one in mine:
            if one.kind != "request":
                continue
            request = RequestNode(one.id, one.job_name or "", one.target or "", one.state, one.run_id, one.said)
            if one.run_id is not None:
                request.run = await self.run(request.target, one.run_id)
            node.requests.append(request)
        return node


def answered(row: RunEventRow, state: SensorState, mine: Sequence[Answer]) -> AnswerNode:
    """What a sensor did for an event, of what is recorded."""
    waiting = [one for one in mine if one.kind == "evaluation"]
    requests = [one for one in mine if one.kind == "request"]
    ticks = [one for one in mine if one.kind == "tick"]
    if waiting:
        return AnswerNode(state.sensor_name, _said_waiting(waiting[-1]), last_line(waiting[-1].said))
    if requests:
        return AnswerNode(state.sensor_name, f"requested {len(requests)} run{'s' if len(requests) > 1 else ''}")
    if state.reader is None or not state.reader.place.passes(row.key):
        return AnswerNode(state.sensor_name, "not called yet" if state.active else "not called: it is stopped")
    if ticks:
        return AnswerNode(state.sensor_name, ticks[0].state, last_line(ticks[0].said))
    return AnswerNode(state.sensor_name, NO_RECORD)


def _said_waiting(one: Answer) -> str:
    if one.state == "running":
        return "is being called"
    calls = f"after {one.attempts} call{'s' if one.attempts != 1 else ''}"
    return f"dead letter {one.id} {calls}" if one.state == "dead" else f"failed, will be called again {calls}"


def last_line(said: str | None) -> str | None:
    """What stands last in a traceback, which is the error."""
    lines = [line.strip() for line in (said or "").splitlines() if line.strip()]
    return lines[-1] if lines else None
