"""Counts what the engine measures, in plain arithmetic on the event loop; `exposition` writes it out for Prometheus."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runbell.core.events import RunEvent
from runbell.core.progress import Evaluation
from runbell.engine.measures import Measures
from runbell.ops.histograms import Histogram, sampled

OUTCOMES = ("requested", "acted", "skipped", "failed")
# The way of an event as far as this process goes, and how long functions took.
STAGES = ("seen", "evaluated", "request", "duration")
COUNTED = ("reads", "woken by ring", "woken by clock", "database losses")


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted up to one moment, for a thread to write out.

    Attributes:
        evaluations: by sensor and outcome.
        seconds: by sensor, what its functions have taken in all.
        stages: by STAGES.
        counted: by COUNTED.
        vitals: how the processes are now.
    """

    evaluations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    stages: Mapping[str, Histogram] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    vitals: Mapping[str, float] = field(default_factory=dict)


class Counting(Protocol):
    """Knows what has been counted, here or in other processes."""

    async def refresh(self) -> None:
        """Find out what has been counted by now."""

    def counts(self) -> Counts:
        """What is known of it."""


@dataclass(slots=True)
class Metrics(Measures):
    """Takes the engine's measurements.

    Attributes:
        sensor_names: the sensors of this process. Every series with a sensor is of one of them, so there are only as
            many as there are sensors.

    Example:
        >>> metrics = Metrics(["alert"])
        >>> metrics.requested([0.0015, 0.002])
        >>> sum(metrics.counts().stages["request"].counts)
        2
    """

    sensor_names: Iterable[str]
    _evaluations: dict[tuple[str, str], int] = field(init=False)
    _seconds: dict[str, float] = field(init=False)
    _stages: dict[str, Histogram] = field(init=False)
    _counted: Counter[str] = field(init=False, default_factory=Counter)

    def __post_init__(self) -> None:
        # From zero on: the first failure of a sensor would otherwise be no increase of anything.
        self._evaluations = {(name, outcome): 0 for name in self.sensor_names for outcome in OUTCOMES}
        self._seconds = dict.fromkeys(self.sensor_names, 0.0)
        self._stages = {stage: Histogram() for stage in STAGES}

    def read(self, events: Sequence[RunEvent]) -> None:
        """A read has found these."""
        self._counted["reads"] += 1
        if events:
            now, seen = time.time(), self._stages["seen"]
            for event, weight in sampled(events):
                seen.observe(now - event.recorded_at, weight)

    def woke(self, *, rung: bool) -> None:
        """A reader that slept has woken."""
        self._counted["woken by ring" if rung else "woken by clock"] += 1

    def committed(self, sensor: str, evaluations: Sequence[Evaluation]) -> None:
        """These were settled by one commit."""
        now, since = time.time(), time.monotonic()
        evaluated, duration = self._stages["evaluated"], self._stages["duration"]
        for one, weight in sampled(evaluations):
            evaluated.observe(now - one.event.recorded_at - (since - one.finished_at), weight)
            duration.observe(one.duration_ms / 1000, weight)
        for outcome, count in Counter([one.conclusion.outcome for one in evaluations if one.conclusion]).items():
            key = (sensor, outcome)
            self._evaluations[key] = self._evaluations.get(key, 0) + count
        self._seconds[sensor] = self._seconds.get(sensor, 0.0) + sum(one.duration_ms for one in evaluations) / 1000

    def requested(self, latencies: Sequence[float]) -> None:
        """The requests of so many events have been committed, so many seconds after their status changes."""
        for seconds, weight in sampled(latencies):
            self._stages["request"].observe(seconds, weight)

    def lost_database(self) -> None:
        """The database went away."""
        self._counted["database losses"] += 1

    async def refresh(self) -> None:
        """It is all counted here."""

    def counts(self) -> Counts:
        """What has been counted by now."""
        stages = {stage: Histogram(list(found.counts), found.total_seconds) for stage, found in self._stages.items()}
        return Counts(dict(self._evaluations), dict(self._seconds), stages, dict(self._counted))
