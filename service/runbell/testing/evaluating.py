"""Made-up events, contexts for them, and a sensor's evaluation without a database."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Unpack

from runbell.core.awaiting import cannot_wait
from runbell.core.binding import bound
from runbell.core.contexts import RecordedAnswers, RunStatusSensorContext, build_context
from runbell.core.events import RunEvent
from runbell.core.finality import RETRIED, sign_of
from runbell.core.outcomes import conclude, conclude_raised
from runbell.core.requests import Conclusion, RequestDraft, RunRequest
from runbell.core.resources import Bound
from runbell.core.sensors import Sensor
from runbell.resources.opening import Opening
from runbell.testing.happenings import Happened, made_up_event
from runbell.testing.log_lines import LogLine, RecordingLog
from runbell.testing.stories import Story

MAX_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of an evaluation.

    Attributes:
        outcome: requested, acted, skipped or failed; or ignored, when the sensor does not watch such an event.
        requests: as they would stand in the queue, with Runbell's own tags.
        reason: of a skip, of a `raise Retry(...)`, of a `raise GiveUp(...)`.
        error: of a failure: a sentence or a traceback.
        retry_after: seconds until the next call, as a `raise Retry(after=...)` asked for.
        final: the failure is a dead letter at once: a `raise GiveUp(...)`, or a result that cannot be understood.
        log: what the function said to `context.log`.
    """

    outcome: str
    requests: tuple[RunRequest, ...] = field(default=())
    reason: str | None = None
    error: str | None = None
    retry_after: float | None = None
    final: bool = False
    log: tuple[LogLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """An evaluation as the daemon would settle it."""

    event: RunEvent
    conclusion: Conclusion
    log: tuple[LogLine, ...]


def build_run_status_sensor_context(
    sensor_name: str = "a_sensor",
    dagster_event: Any = None,
    dagster_instance: Any = None,
    dagster_run: Any = None,
    context: Any = None,  # noqa: ARG001 - Dagster takes it for older code, and so do we
    *,
    repository_def: Any = None,
    **happened: Unpack[Happened],
) -> RunStatusSensorContext:
    """A context to call a sensor with: from what happened, or from objects of one's own as in Dagster.

    Args:
        sensor_name: what `context.sensor_name` says.
        dagster_event, dagster_instance, dagster_run, repository_def: used as they are, in place of made-up ones.
        context: without meaning, as in Dagster.
        happened: see `Happened`.

    Example:
        >>> context = build_run_status_sensor_context(job_name="etl", status="FAILURE", message="no space left")
        >>> context.for_run_failure().failure_event.message
        'no space left'
    """
    event = made_up_event(**happened)
    story = Story(event, happened.get("step_failures", {}))
    recorded = RecordedAnswers(story, _wait, _log_to([]), happened.get("run_url"))
    answers = _Given(recorded, dagster_run, dagster_event, dagster_instance)
    made = RunStatusSensorContext(sensor_name, event, answers, happened.get("replay", 0))
    made.repository_def = repository_def
    made.open_with(Opening(Bound(happened.get("resources", {}))).kept_open())
    return made


def evaluate(sensor: Sensor, **happened: Unpack[Happened]) -> Evaluated:
    """Evaluates a sensor for a made-up event as the daemon would: `def` in a thread, `async def` on an event loop.

    Args:
        sensor: what a decorator made.
        happened: see `Happened`; the status may be left out if the sensor watches only one.

    Raises:
        ValueError: the status is missing.
        DefinitionError: the sensor takes a resource that is not among those given.

    Example:
        >>> import runbell
        >>> @runbell.run_status_sensor(runbell.DagsterRunStatus.SUCCESS, monitored_jobs=["extract"], request_job="load")
        ... def load_after_extract(context):
        ...     return runbell.RunRequest(run_key=context.dagster_run.run_id)
        >>> evaluated = evaluate(load_after_extract, job_name="extract", run_id="r1")
        >>> evaluated.outcome, evaluated.requests[0].run_key
        ('requested', 'r1')
        >>> evaluate(load_after_extract, job_name="another").outcome
        'ignored'
    """
    if "status" not in happened:
        if len(sensor.statuses) > 1:
            raise ValueError(f"sensor {sensor.name!r} watches {', '.join(sorted(sensor.statuses))}: say which status=")
        happened["status"] = min(sensor.statuses)
    event = made_up_event(**happened)
    if not sensor.filter(None).matches(event, sensor.name):
        return Evaluated("ignored")
    return evaluated_of(settle(sensor, sensor.name, happened))


def settle(sensor: Sensor, sensor_name: str, happened: Happened, *, max_requests: int = MAX_REQUESTS) -> Settled:
    """Calls the function and draws the conclusion, whether or not the sensor watches such events."""
    event = made_up_event(**happened)
    if sensor.only_final_failures and event.status == "FAILURE" and sign_of(event).retried:
        return Settled(event, Conclusion("skipped", reason=RETRIED), ())
    declared = sensor.resources.declared if sensor.resources is not None else {}
    sensor = bound(sensor, {**declared, **happened.get("resources", {})})
    lines: list[LogLine] = []
    concluded = _in_a_thread(lambda: _conclusion(sensor, sensor_name, event, happened, lines, max_requests))
    return Settled(event, concluded, tuple(lines))


def evaluated_of(settled: Settled) -> Evaluated:
    """The same for a test to look at."""
    concluded = settled.conclusion
    return Evaluated(
        concluded.outcome,
        tuple(map(_request, concluded.requests)),
        concluded.reason,
        concluded.error,
        concluded.retry_after,
        concluded.final,
        settled.log,
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """Answers with the test's own objects where it gave some."""

    recorded: RecordedAnswers
    dagster_run: Any
    dagster_event: Any
    dagster_instance: Any

    def run(self, event: RunEvent) -> Any:
        return self.dagster_run or self.recorded.run(event)

    def url(self, event: RunEvent) -> str | None:
        return self.recorded.url(event)

    def change(self, event: RunEvent) -> Any:
        return self.dagster_event or self.recorded.change(event)

    def instance(self, event: RunEvent) -> Any:
        return self.dagster_instance or self.recorded.instance(event)

    def log(self, sensor_name: str, event: RunEvent) -> Any:
        return self.recorded.log(sensor_name, event)

    def step_failures(self, event: RunEvent) -> Sequence[Any]:
        return self.recorded.step_failures(event)

    def astep_failures(self, event: RunEvent) -> Awaitable[Sequence[Any]]:
        return self.recorded.astep_failures(event)


def _conclusion(
    sensor: Sensor, sensor_name: str, event: RunEvent, happened: Happened, lines: list[LogLine], max_requests: int
) -> Conclusion:
    wait = cannot_wait if sensor.is_async else _wait
    story = Story(event, happened.get("step_failures", {}))
    answers = RecordedAnswers(story, wait, _log_to(lines), happened.get("run_url"))
    context = build_context(sensor, sensor_name, event, answers, replay=happened.get("replay", 0))
    try:
        returned = _returned(sensor, context)
    except Exception as error:  # noqa: BLE001 - whatever the function raises is its failure
        return conclude_raised(error, sensor)
    return conclude(sensor, sensor_name, event, returned, max_requests=max_requests)


def _returned(sensor: Sensor, context: RunStatusSensorContext) -> object:
    import asyncio

    opening = Opening(sensor.resources or Bound())
    context.open_with(opening)

    async def aanswer(**resources: Any) -> object:
        given = sensor.evaluate(context, **resources)
        return [item async for item in given] if isinstance(given, AsyncIterator) else _drained(await given)

    def answer(**resources: Any) -> object:
        return _drained(sensor.evaluate(context, **resources))

    if sensor.is_async:
        return asyncio.run(opening.acall(aanswer, asyncio.to_thread))
    if sensor.resources is not None and sensor.resources.has_async:
        return asyncio.run(opening.acall_around(partial(asyncio.to_thread, opening.call, answer), asyncio.to_thread))
    return opening.call(answer)


def _drained(returned: object) -> object:
    return list(returned) if isinstance(returned, Iterator) else returned


def _wait(function: Callable[..., Any], *arguments: Any) -> Any:
    import asyncio

    async def answer() -> Any:
        return await function(*arguments)

    return asyncio.run(answer())


def _in_a_thread(work: Callable[[], Conclusion]) -> Conclusion:
    """As in the daemon, no event loop runs in the thread that calls a `def` sensor, whatever runs in the test's own."""
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(copy_context().run, work).result()


def _request(draft: RequestDraft) -> RunRequest:
    return RunRequest(
        run_key=draft.run_key,
        run_config=json.loads(draft.run_config),
        tags=json.loads(draft.tags),
        job_name=draft.job_name,
        asset_selection=None if draft.asset_selection is None else json.loads(draft.asset_selection),
        partition_key=draft.partition_key,
    )


def _log_to(lines: list[LogLine]) -> Callable[[str, RunEvent], RecordingLog]:
    return lambda sensor_name, _: RecordingLog(sensor_name, lines)
