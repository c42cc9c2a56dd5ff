"""What became of a run, as a tree: its status changes, who answered them and how, and the runs that came of it.

`runbell runs show` and the console's page of a run show the same tree.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from runbell.core.filters import Filter
from runbell.core.lags import kind_matches
from runbell.store import chains
from runbell.store.chains import Answer, Cause, FoundRun, RunEventRow, TickOutcome, Watcher, find_cause
from runbell.store.connections import Session

NO_RECORD = "no record: it came before the sensor did, or its record is gone"
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """A chain may be endless. Longer ones are cut, and say so.

    Attributes:
        depth: so many runs up, and as many down.
        rows: so many status changes and answers, from where on no further run is looked at.
        watchers: so many pairs of a status change and a sensor that asks for its status, of the runs of one depth.
    """

    depth: int
    rows: int
    watchers: int


@dataclass(slots=True)
class RequestNode:
    """A run request, and the run that came of it, if one is known and not shown elsewhere."""

    request_id: int
    job_name: str
    target: str
    state: str
    run_id: str | None
    error: str | None
    run: "RunNode | None" = None


@dataclass(slots=True)
class EvaluationNode:
    """An evaluation that waits, runs or was given up."""

    evaluation_id: int
    state: str
    error: str | None


@dataclass(slots=True)
class AnswerNode:
    """What one sensor did for one event.

    Attributes:
        outcome: in words.
        said: the last line of a reason or an error.
        evaluation: the one that waits or was given up.
    """

    sensor_name: str
    outcome: str
    said: str | None = None
    evaluation: "EvaluationNode | None" = None
    requests: list[RequestNode] = field(default_factory=list)

    @property
    def silent(self) -> bool:
        """Neither requests nor an evaluation came of it."""
        return self.evaluation is None and not self.requests


@dataclass(slots=True)
class EventNode:
    """A status change and the sensors that it reached."""

    event_id: int
    status: str
    recorded_at: str
    message: str | None
    answers: list[AnswerNode] = field(default_factory=list)


@dataclass(slots=True)
class RunNode:
    """A run; `asked`: it is the one that somebody looks for. `cut`: what came of it is not shown, or not all of it."""

    source: str
    run_id: str
    job_name: str
    status: str
    asked: bool = False
    cut: bool = False
    events: list[EventNode] = field(default_factory=list)


async def read_chains(session: Session, run_id: str, bounds: Bounds) -> list[RunNode]:
    """The chains that runs of this id belong to, each from the run that began it; usually one."""
    asked = [(run.source, run.run_id) for run in await chains.find_runs(session, run_id)]
    roots: dict[Key, None] = {}
    led: dict[int, Key] = {}
    for run in asked:
        root = run
        for cause in reversed(await read_causes(session, run, bounds)):
            led[cause.request_id] = root
            root = cause.run or root
        roots[root] = None
    # From the root it is as far again to the run that is asked for.
    tree = _Tree(session, replace(bounds, depth=2 * bounds.depth), frozenset(asked), led)
    return [node for root in roots if (node := await tree.grow(root)) is not None]


async def read_causes(session: Session, run: Key, bounds: Bounds) -> list[Cause]:
    """What led to a run, the first cause first."""
    causes: list[Cause] = []
    seen: set[Key | None] = {run}
    while len(causes) < bounds.depth and (cause := await find_cause(session, *run)) is not None:
        causes.append(cause)
        if cause.run is None or cause.run in seen:
            break
        run = cause.run
        seen.add(run)
    return causes[::-1]


async def read_tree(session: Session, run: Key, bounds: Bounds) -> RunNode | None:
    """A run and what came of it; None: it has not been recorded."""
    return await _Tree(session, bounds, frozenset([run])).grow(run)


@dataclass(slots=True)
class _Tree:
    """Follows requests to runs, each run once; all runs of one depth at a time.

    Attributes:
        led: of requests that do not know their runs, but whose runs name them: those of which that is known.
    """

    session: Session
    bounds: Bounds
    asked: frozenset[Key]
    led: Mapping[int, Key] = field(default_factory=dict)
    seen: set[Key] = field(default_factory=set)
    rows: int = 0

    async def grow(self, root: Key) -> RunNode | None:
        top = await self._nodes([root])
        level = list(top.values())
        for _ in range(self.bounds.depth):
            full = await self._fill(level)
            following = await self._follow(level)
            for node in level if full else ():
                node.cut = True
            level = following
            if full or not level:
                break
        for node in level:
            node.cut = True
        return top.get(root)

    async def _nodes(self, runs: Sequence[Key]) -> dict[Key, RunNode]:
        """Those of these runs that are known and have not been seen."""
        fresh = [run for run in dict.fromkeys(runs) if run not in self.seen]
        self.seen.update(fresh)
        return {(run.source, run.run_id): self._node(run) for run in await chains.list_runs_at(self.session, fresh)}

    async def _fill(self, nodes: Sequence[RunNode]) -> bool:
        """Fill in the events of runs and their answers; is there more than may be read?"""
        rows = await chains.list_run_events(self.session, [(one.source, one.run_id) for one in nodes], self.bounds.rows)
        events = {row.event_id: row for row in rows}
        answers = await chains.list_event_answers(self.session, list(events), self.bounds.rows)
        watchers = await chains.list_watchers(self.session, list(events), self.bounds.watchers)
        answered = await self._answers(events, answers, watchers)
        of_run = {(node.source, node.run_id): node for node in nodes}
        for row in rows:
            node = EventNode(row.event_id, row.kind.status, row.recorded_at, row.message, answered[row.event_id])
            of_run[row.source, row.run_id].events.append(node)
        self.rows += len(rows) + len(answers)
        return self.rows >= self.bounds.rows or len(watchers) >= self.bounds.watchers

    async def _follow(self, nodes: Sequence[RunNode]) -> list[RunNode]:
        """The runs that came of these; each stands below the first request that it came of."""
        events = (event for node in nodes for event in node.events)
        requests = [one for event in events for answer in event.answers for one in answer.requests]
        runs = [self._run_of(one) for one in requests]
        found = await self._nodes([run for run in runs if run is not None])
        level = list(found.values())
        for one, run in zip(requests, runs, strict=True):
            one.run = None if run is None else found.pop(run, None)
        return level

    def _run_of(self, request: RequestNode) -> Key | None:
        return self.led.get(request.request_id) if request.run_id is None else (request.target, request.run_id)

    async def _answers(
        self, events: dict[int, RunEventRow], answers: Sequence[Answer], watchers: Sequence[Watcher]
    ) -> dict[int, list[AnswerNode]]:
        recorded: dict[tuple[str, int], list[Answer]] = defaultdict(list)
        for one in answers:
            recorded[one.sensor_name, one.event_id].append(one)
        found = {key: _recorded(key[0], own) for key, own in recorded.items()}
        silent = [one for one in _asking(events, watchers) if (one.sensor_name, one.event_id) not in found]
        passed = [(one.sensor_name, one.event_id) for one in silent if one.passed]
        ticks = {(one.sensor_name, one.event_id): one for one in await chains.list_tick_outcomes(self.session, passed)}
        for watcher in silent:
            key = watcher.sensor_name, watcher.event_id
            found[key] = _silent(watcher, ticks.get(key))
        of_event: dict[int, list[AnswerNode]] = defaultdict(list)
        for (_, event_id), node in sorted(found.items(), key=lambda item: item[0]):
            of_event[event_id].append(node)
        return of_event

    def _node(self, run: FoundRun) -> RunNode:
        asked = (run.source, run.run_id) in self.asked
        return RunNode(run.source, run.run_id, run.job_name, run.status, asked=asked)


def _asking(events: dict[int, RunEventRow], watchers: Sequence[Watcher]) -> list[Watcher]:
    """Those whose filters, as they are today, let the event through."""
    filters = {text: Filter.read(text) for text in {one.filter for one in watchers}}
    return [
        one
        for one in watchers
        if (wanted := filters[one.filter]) is not None
        and kind_matches(events[one.event_id].kind, wanted, one.sensor_name)
    ]


def _recorded(sensor_name: str, own: Sequence[Answer]) -> AnswerNode:
    """What a sensor did for an event, of its requests and of an evaluation that waits or was given up."""
    waiting = [one for one in own if one.kind == "evaluation"]
    requests = [
        RequestNode(one.id, one.job_name or "", one.target or "", one.state, one.run_id, one.error)
        for one in own
        if one.kind == "request"
    ]
    if not waiting:
        outcome = f"requested {len(requests)} run{'s' if len(requests) > 1 else ''}"
        return AnswerNode(sensor_name, outcome, requests=requests)
    last = waiting[-1]
    evaluation = EvaluationNode(last.id, last.state, last.error)
    return AnswerNode(sensor_name, _said_waiting(last), last_line(last.error), evaluation, requests)


def _silent(one: Watcher, tick: TickOutcome | None) -> AnswerNode:
    """What a sensor did that left neither a request nor an evaluation."""
    if not one.passed:
        return AnswerNode(one.sensor_name, "not called yet" if one.active else "not called: it is stopped")
    if tick is None:
        return AnswerNode(one.sensor_name, NO_RECORD)
    return AnswerNode(one.sensor_name, tick.outcome, last_line(tick.said))


def _said_waiting(one: Answer) -> str:
    if one.state == "running":
        return "is being called"
    calls = f"after {one.attempts} call{'s' if one.attempts != 1 else ''}"
    return f"dead letter {one.id} {calls}" if one.state == "dead" else f"failed, will be called again {calls}"


def last_line(said: str | None) -> str | None:
    """What stands last in a traceback, which is the error."""
    lines = [line.strip() for line in (said or "").splitlines() if line.strip()]
    return lines[-1] if lines else None
