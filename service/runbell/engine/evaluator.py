"""Evaluates one sensor for one event: builds the context, calls the function under its limits, draws the conclusion.

Whatever the function does becomes a value; nothing that it raises leaves this module. A lost database does.
"""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, MutableMapping, Sequence
from dataclasses import dataclass, field

import anyio.lowlevel
from anyio import CapacityLimiter

from runbell.core.awaiting import cannot_wait
from runbell.core.contexts import Answers, RecordedAnswers, build_context
from runbell.core.drafts import MAX_CHAIN_DEPTH
from runbell.core.errors import StoreUnavailableError
from runbell.core.events import RunEvent, StepFailure
from runbell.core.finality import RETRIED
from runbell.core.outcomes import conclude, conclude_raised
from runbell.core.progress import Evaluation
from runbell.core.requests import Conclusion
from runbell.core.retrying import next_call_in
from runbell.core.run_queries import RunsQuery
from runbell.core.run_records import LoggedEvent
from runbell.core.runs import RunFacts
from runbell.core.sensors import Sensor
from runbell.engine.calling import call, wait_in_thread
from runbell.engine.calls import Calls
from runbell.engine.deadlines import Deadlines
from runbell.engine.finality import is_retried
from runbell.engine.sensor_logs import SensorLog
from runbell.sources.dagster.answers import native_where_possible
from runbell.sources.details import read_run_log, read_step_failures
from runbell.store.connections import Pool
from runbell.store.runs import read_run, read_runs

# Functions that never suspend would keep the event loop for a whole page; after so long others get their turn.
TURN_SECONDS = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one evaluation may take, and how often it is tried."""

    timeout_seconds: float = 60.0
    max_requests: int = 10_000
    max_chain_depth: int = MAX_CHAIN_DEPTH
    retry_attempts: int = 10
    retry_backoff_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class StoreLookups:
    """Answers what a context is asked, from the database."""

    pool: Pool

    def run_by_id(self, run_id: str, source: str) -> Awaitable[RunFacts | None]:
        return read_run(self.pool, run_id, source)

    def runs(self, query: RunsQuery) -> Awaitable[Sequence[RunFacts]]:
        return read_runs(self.pool, query)

    def run_log(self, source: str, run_id: str) -> Awaitable[Sequence[LoggedEvent]]:
        return read_run_log(self.pool, source, run_id)

    def step_failures(self, source: str, run_id: str) -> Awaitable[Sequence[StepFailure]]:
        return read_step_failures(self.pool, source, run_id)


@dataclass(slots=True)
class Evaluator:
    """Evaluates for every sensor of this process."""

    limits: Limits
    lookups: StoreLookups
    deadlines: Deadlines
    calls: Calls = field(default_factory=Calls)
    # What is known of evaluations that a former process did not survive: by sensor, event id and replay.
    verdicts: MutableMapping[tuple[str, int, int], str] = field(default_factory=dict)
    # Where people look at runs, as a template.
    run_url: str | None = None
    threads: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(math.inf))
    _own_deadlines: dict[float, Deadlines] = field(default_factory=dict)
    # Infinite: nobody has begun since the others ran.
    _turn_ends: float = math.inf
    _on_the_loop: Answers = field(init=False)
    _in_a_thread: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._on_the_loop = RecordedAnswers(self.lookups, cannot_wait, SensorLog, self.run_url)
        in_a_thread = RecordedAnswers(self.lookups, wait_in_thread, SensorLog, self.run_url)
        self._in_a_thread = native_where_possible(in_a_thread)

    async def evaluate(self, sensor: Sensor, sensor_name: str, evaluation: Evaluation) -> None:
        """Fill in what the evaluation came to.

        Raises:
            StoreUnavailableError: the database was lost before the function was called.
        """
        started = time.perf_counter()
        self._begin_turn(started)
        conclusion = await self._conclude(sensor, sensor_name, evaluation)
        evaluation.duration_ms = (time.perf_counter() - started) * 1000
        evaluation.retry_in = self._retry_in(sensor, evaluation, conclusion, time.perf_counter() - started)
        evaluation.finished_at = time.monotonic()
        evaluation.conclusion = conclusion

    async def take_turn(self) -> None:
        """Let others run, if this turn has lasted long enough.

        Not if the last one is long ago: the first event after a quiet moment was committed alone then, and those that
        had come with it waited for that commit.
        """
        now = time.perf_counter()
        self._begin_turn(now)
        if now >= self._turn_ends:
            await anyio.lowlevel.checkpoint()
            # A hundred that go on here one after the other have a turn each: one event of each a turn took a fifth.
            self._end_turn()

    def _begin_turn(self, now: float) -> None:
        """A turn begins, unless one does already; the loop ends it as soon as it comes to run others."""
        if self._turn_ends == math.inf:
            self._turn_ends = now + TURN_SECONDS
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._turn_ends = math.inf

    async def _conclude(self, sensor: Sensor, sensor_name: str, evaluation: Evaluation) -> Conclusion:
        event = evaluation.event
        if self.verdicts:
            verdict = self.verdicts.pop((sensor_name, event.event_id, evaluation.replay), None)
            if verdict is not None:
                return Conclusion("failed", error=verdict)
        given = self.calls.of(sensor_name, evaluation)
        if sensor.only_final_failures and event.status == "FAILURE":
            early = await self._ask_whether_retried(sensor, event)
            if early is not None:
                return early
        try:
            answers = self._on_the_loop if sensor.is_async else self._in_a_thread
            context = build_context(sensor, sensor_name, event, answers, replay=evaluation.replay)
            returned = await call(
                sensor,
                context,
                given,
                calls=self.calls,
                threads=self.threads,
                deadlines=self._deadlines_of(sensor),
                max_requests=self.limits.max_requests,
            )
            # What it returned is the author's too, and looking at it may run the author's code.
            given.mark.set()
            try:
                most, depth = self.limits.max_requests, self.limits.max_chain_depth
                return conclude(sensor, sensor_name, event, returned, max_requests=most, max_depth=depth)
            finally:
                given.mark.clear()
        except asyncio.CancelledError as error:
            # The function raised it itself, unless this task is really being cancelled.
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return conclude_raised(error, sensor)
        # Around the author's code, which may raise anything, an exit included: it becomes a row.
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001
            return conclude_raised(error, sensor)

    async def _ask_whether_retried(self, sensor: Sensor, event: RunEvent) -> Conclusion | None:
        """What is concluded without a call: the orchestrator retries the run, or does not let itself be asked.

        Raises:
            StoreUnavailableError: the database was lost; the sensor has not failed.
        """
        try:
            retried = await is_retried(self.lookups.pool, event)
        except StoreUnavailableError:
            raise
        # Whatever else is wrong with the source's tables becomes a row, as what the author's code raises.
        except Exception as error:  # noqa: BLE001
            return conclude_raised(error, sensor)
        return Conclusion("skipped", reason=RETRIED) if retried else None

    def _deadlines_of(self, sensor: Sensor) -> Deadlines:
        """Those of its own time; all sensors with the same time share one timer."""
        seconds = sensor.timeout_seconds
        if seconds is None or seconds == self.deadlines.seconds:
            return self.deadlines
        return self._own_deadlines.setdefault(seconds, Deadlines(seconds))

    def _retry_in(self, sensor: Sensor, evaluation: Evaluation, conclusion: Conclusion, lasted: float) -> float | None:
        """Seconds until the next call of a failed evaluation; None when there is none."""
        if conclusion.outcome != "failed":
            return None
        first = evaluation.first_called_at
        return next_call_in(
            sensor.retry,
            conclusion,
            calls=evaluation.attempts + 1,
            age_seconds=lasted if first is None else time.monotonic() - first,
            default_attempts=self.limits.retry_attempts,
            default_backoff=self.limits.retry_backoff_seconds,
            drawn=random.random(),  # noqa: S311 - jitter
        )
