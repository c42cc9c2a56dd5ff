"""A daemon in virtual time: what it would call when, with nothing waited for and nothing stored.

It decides with what the real one decides with: filters, conclusions, retries and paces are those of the core.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Unpack

from runbell.core.muting import remembering
from runbell.core.pacing import Pacing
from runbell.core.requests import RunRequest
from runbell.core.retrying import next_call_in
from runbell.core.sensors import Sensor
from runbell.testing.evaluating import (
    MAX_REQUESTS,
    Evaluated,
    Settled,
    evaluated_of,
    settle,
)
from runbell.testing.happenings import A_MOMENT, Happened, made_up_event
from runbell.testing.memory import VirtualMemory

NO_JITTER = 0.5
# Beyond it nothing is waited for: a test that advances so far has a loop.
MOST_CALLS = 1_000_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a sensor's function.

    Attributes:
        at: seconds since the daemon began.
        sensor_name: whose.
        event_id, run_id: what for.
        attempt: 1 for the first call for this event.
        evaluated: what came of it.
        next_at: when it is called again for this event; None: never.
        dead: it failed and is not called again: a dead letter.
    """

    at: float
    sensor_name: str
    event_id: int
    run_id: str
    attempt: int
    evaluated: Evaluated
    next_at: float | None = None
    dead: bool = False

    @property
    def outcome(self) -> str:
        """requested, acted, skipped or failed."""
        return self.evaluated.outcome


@dataclass(slots=True)
class _Waiting:
    """An evaluation that is to be called."""

    happened: Happened
    due: float
    calls: int = 0
    first_called_at: float | None = None


@dataclass(slots=True)
class _Lane:
    """One sensor's evaluations, in the order in which they begin."""

    sensor: Sensor
    sensor_name: str
    pacing: Pacing | None
    waiting: deque[_Waiting] = field(default_factory=deque)

    def add(self, evaluation: _Waiting) -> None:
        later = [one for one in self.waiting if one.due > evaluation.due]
        for _ in later:
            self.waiting.pop()
        self.waiting.extend([evaluation, *later])

    def next_at(self, now: float) -> float:
        """When it calls next; infinity: nothing waits."""
        if not self.waiting:
            return math.inf
        due = max(self.waiting[0].due, now)
        return due if self.pacing is None else max(due, now + self.pacing.wait(now))


class VirtualDaemon:
    """Evaluates sensors for events that a test records, in a time that passes when the test says so.

    Functions take no time here, and waits have no jitter. All sensors run, whatever their default status.

    Args:
        sensors: what decorators made.
        code_location: as RUNBELL_CODE_LOCATION.
        retry_attempts, retry_backoff_seconds: as RUNBELL_RETRY_ATTEMPTS and RUNBELL_RETRY_BACKOFF_SECONDS.

    Example:
        >>> import runbell
        >>> @runbell.run_failure_sensor(retry=runbell.RetryPolicy(attempts=3, backoff_seconds=10, factor=1))
        ... def alert(context):
        ...     raise ConnectionError("away")
        >>> daemon = VirtualDaemon(alert)
        >>> _ = daemon.record(job_name="etl", status="FAILURE")
        >>> daemon.advance(60)
        >>> [(call.at, call.outcome, call.dead) for call in daemon.calls]
        [(0.0, 'failed', False), (10.0, 'failed', False), (20.0, 'failed', True)]
    """

    def __init__(
        self,
        *sensors: Sensor,
        code_location: str | None = None,
        retry_attempts: int = 10,
        retry_backoff_seconds: float = 1.0,
        max_requests: int = MAX_REQUESTS,
    ) -> None:
        self.now = 0.0
        self.calls: list[Call] = []
        self._code_location = code_location
        self._attempts = retry_attempts
        self._backoff = retry_backoff_seconds
        self._max_requests = max_requests
        self._recorded = 0
        self._memory = VirtualMemory(lambda: self.now)
        self._lanes = [
            _Lane(
                sensor,
                sensor.identity(code_location),
                None if sensor.max_per_minute is None else Pacing(sensor.max_per_minute),
            )
            for sensor in sensors
        ]

    @property
    def dead(self) -> list[Call]:
        """The last calls of what was given up."""
        return [call for call in self.calls if call.dead]

    @property
    def requests(self) -> list[RunRequest]:
        """All that was requested, in order; of several with one run key the real daemon keeps the first."""
        return [request for call in self.calls for request in call.evaluated.requests]

    @property
    def waiting(self) -> int:
        """So many evaluations wait for their turn or for another try."""
        return sum(len(lane.waiting) for lane in self._lanes)

    def record(self, **happened: Unpack[Happened]) -> int:
        """A status change happens now, and is evaluated at once by each sensor that it matches and that may begin.

        Args:
            happened: see `Happened`; its status is SUCCESS unless it says otherwise.

        Returns:
            The event's id; they count from 1.
        """
        self._recorded += 1
        happened.setdefault("event_id", self._recorded)
        happened.setdefault("recorded_at", A_MOMENT + self.now)
        event = made_up_event(**happened)
        for lane in self._lanes:
            if lane.sensor.filter(self._code_location).matches(event, lane.sensor_name):
                lane.add(_Waiting(happened, self.now))
        self.advance(0)
        return event.event_id

    def advance(self, seconds: float) -> None:
        """Let time pass: everything that comes due within it is called, at its moment."""
        end = self.now + seconds
        while self._lanes:
            lane = min(self._lanes, key=lambda one: one.next_at(self.now))
            moment = lane.next_at(self.now)
            if moment > end:
                break
            self.now = moment
            self._call(lane, lane.waiting.popleft())
        self.now = end

    def finish(self) -> None:
        """Let time pass until nothing waits: all has been answered or is a dead letter."""
        for _ in range(MOST_CALLS):
            moment = min((lane.next_at(self.now) for lane in self._lanes), default=math.inf)
            if math.isinf(moment):
                return
            self.advance(moment - self.now)
        raise RuntimeError(f"after {MOST_CALLS} calls something still waits")

    def _call(self, lane: _Lane, evaluation: _Waiting) -> None:
        if lane.pacing is not None:
            lane.pacing.begin(self.now)
        evaluation.calls += 1
        if evaluation.first_called_at is None:
            evaluation.first_called_at = self.now
        with remembering(self._memory):
            settled = settle(lane.sensor, lane.sensor_name, evaluation.happened, max_requests=self._max_requests)
        wait = self._wait(lane.sensor, evaluation, settled)
        event = settled.event
        if wait is not None:
            evaluation.due = self.now + wait
            lane.add(evaluation)
        self.calls.append(
            Call(
                at=self.now,
                sensor_name=lane.sensor_name,
                event_id=event.event_id,
                run_id=event.run_id,
                attempt=evaluation.calls,
                evaluated=evaluated_of(settled),
                next_at=None if wait is None else evaluation.due,
                dead=wait is None and settled.conclusion.outcome == "failed",
            )
        )

    def _wait(self, sensor: Sensor, evaluation: _Waiting, settled: Settled) -> float | None:
        first = evaluation.first_called_at
        return next_call_in(
            sensor.retry,
            settled.conclusion,
            calls=evaluation.calls,
            age_seconds=0.0 if first is None else self.now - first,
            default_attempts=self._attempts,
            default_backoff=self._backoff,
            drawn=NO_JITTER,
        )
