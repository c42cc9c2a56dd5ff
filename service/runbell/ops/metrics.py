"""Counts what the engine measures, and writes it out for Prometheus together with how sensors and requests stand.

Counting is plain arithmetic on the event loop, at a tenth of a microsecond: it happens for each evaluation. What is
known of Prometheus begins when somebody scrapes, so that starting up does not load it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING, Protocol

from runbell.engine.measures import Measures
from runbell.ops.standing import Standing

if TYPE_CHECKING:
    from prometheus_client import Metric

OUTCOMES = ("requested", "acted", "skipped", "failed")
# From what a quiet server does in a millisecond to an hour's backlog.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Counts:
    """What has been counted up to one moment, for a thread to write out."""

    evaluations: Mapping[tuple[str, str], int]
    latencies: tuple[int, ...]
    latency_sum: float
    abandoned_threads: int = 0


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
        >>> metrics.evaluated("alert", "acted")
        >>> "runbell_evaluations_total{outcome=\\"acted\\",sensor=\\"alert\\"} 1.0" in metrics.text(Standing())
        True
    """

    sensor_names: Iterable[str]
    _evaluations: dict[tuple[str, str], int] = field(init=False)
    _latencies: list[int] = field(init=False, default_factory=lambda: [0] * (len(BUCKETS) + 1))
    _latency_sum: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        # From zero on: the first failure of a sensor would otherwise be no increase of anything.
        self._evaluations = {(name, outcome): 0 for name in self.sensor_names for outcome in OUTCOMES}

    def evaluated(self, sensor: str, outcome: str) -> None:
        """An evaluation has been settled."""
        key = (sensor, outcome)
        self._evaluations[key] = self._evaluations.get(key, 0) + 1

    def requested(self, latency_seconds: float) -> None:
        """The requests of an event have been committed, so long after its status change."""
        # Another machine's clock, or a row put in by hand, may say anything, also infinity.
        latency = latency_seconds if 0 <= latency_seconds < inf else 0.0
        self._latencies[bisect_left(BUCKETS, latency)] += 1
        self._latency_sum += latency

    async def refresh(self) -> None:
        """It is all counted here."""

    def counts(self) -> Counts:
        """What has been counted by now."""
        return Counts(dict(self._evaluations), tuple(self._latencies), self._latency_sum)

    def text(self, standing: Standing) -> str:
        """Everything, as Prometheus reads it."""
        return write(self.counts(), standing)


def write(counts: Counts, standing: Standing) -> str:
    """The text that a scrape gets. With thousands of sensors this takes its time: call it in a thread."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Written(counts, standing))
    return generate_latest(registry).decode()


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What a registry collects."""

    counts: Counts
    standing: Standing

    def collect(self) -> "Iterator[Metric]":
        yield from _of_sensors(self.standing)
        yield _latency(self.counts)
        yield _evaluations(self.counts)
        yield _requests(self.standing)
        yield _abandoned(self.counts)


def _of_sensors(standing: Standing) -> "Iterator[Metric]":
    from prometheus_client.core import GaugeMetricFamily

    lag_seconds = GaugeMetricFamily(
        "runbell_sensor_lag_seconds", "Age of the oldest status change that waits for the sensor.", labels=["sensor"]
    )
    lag_events = GaugeMetricFamily(
        "runbell_sensor_lag_events",
        "Status changes that wait for the sensor, up to a limit.",
        labels=["sensor"],
    )
    dead = GaugeMetricFamily("runbell_dead_letters", "Evaluations of the sensor that were given up.", labels=["sensor"])
    for sensor in standing.sensors:
        labels = [sensor.sensor_name]
        lag_seconds.add_metric(labels, sensor.lag_seconds)
        lag_events.add_metric(labels, sensor.lag_events)
        dead.add_metric(labels, sensor.dead)
    yield from (lag_seconds, lag_events, dead)


def _latency(counts: Counts) -> "Metric":
    from prometheus_client.core import HistogramMetricFamily

    bounds = [*map(str, BUCKETS), "+Inf"]
    return HistogramMetricFamily(
        "runbell_request_latency_seconds",
        "From the commit of a status change to the commit of the runs that it led to.",
        buckets=list(zip(bounds, accumulate(counts.latencies), strict=True)),
        sum_value=counts.latency_sum,
    )


def _evaluations(counts: Counts) -> "Metric":
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(
        "runbell_evaluations", "Evaluations that this process has settled.", labels=["sensor", "outcome"]
    )
    for labels, count in counts.evaluations.items():
        family.add_metric(labels, count)
    return family


def _requests(standing: Standing) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily("runbell_requests", "Run requests in each state.", labels=["state"])
    for state, count in standing.requests.items():
        family.add_metric([state], count)
    return family


def _abandoned(counts: Counts) -> "Metric":
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(
        "runbell_abandoned_threads",
        "Threads in which a function runs on that took too long.",
        value=counts.abandoned_threads,
    )
