"""Writes out for Prometheus what was counted and how sensors and requests stand.

What is known of Prometheus begins when somebody scrapes, so that starting up does not load it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal, TypeAlias

from runbell.ops.histograms import BUCKETS, Histogram
from runbell.ops.metrics import Counts
from runbell.ops.standing import Standing

if TYPE_CHECKING:
    from prometheus_client import Metric

Sample: TypeAlias = tuple[Sequence[str], float]
Samples: TypeAlias = Callable[[Counts, Standing], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric.

    Attributes:
        meaning: what is said of it to Prometheus and in the documentation.
        samples: its values, each with its labels; of a histogram instead, `stage` says which.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    labels: Sequence[str]
    meaning: str
    samples: Samples = lambda _counts, _standing: ()
    stage: str | None = None


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
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for family in FAMILIES:
            if family.stage is not None:
                yield self._histogram(family, family.stage)
                continue
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            found = kind(family.name.removesuffix("_total"), family.meaning, labels=family.labels)
            for labels, value in family.samples(self.counts, self.standing):
                found.add_metric(labels, value)
            yield found

    def _histogram(self, family: Family, stage: str) -> "Metric":
        from prometheus_client.core import HistogramMetricFamily

        kept = self.standing.launches if stage == "launch" else self.counts.stages.get(stage, Histogram())
        bounds = [*map(str, BUCKETS), "+Inf"]
        return HistogramMetricFamily(
            family.name,
            family.meaning,
            buckets=list(zip(bounds, accumulate(kept.counts), strict=True)),
            sum_value=kept.total_seconds,
        )


def _sensor_states(standing: Standing) -> Iterator[Sample]:
    if standing.read_at is None:
        return
    found = Counter(
        "stopped" if not s.active else "orphaned" if s.orphaned else "owned" if s.owned else "unowned"
        for s in standing.everyone
    )
    yield from (([state], found[state]) for state in ("owned", "unowned", "orphaned", "stopped"))


def _roles(standing: Standing) -> Iterator[Sample]:
    if standing.read_at is not None:
        found = Counter(str(daemon.cells["role"]) for daemon in standing.daemons)
        yield from (([role], found[role]) for role in ("active", "standby", "apart", "leaving"))


def _age(standing: Standing) -> Iterator[Sample]:
    if standing.read_at is not None:
        yield [], max(time.time() - standing.read_at, 0.0)


def _queue_age(standing: Standing) -> Iterator[Sample]:
    if standing.read_at is not None:
        yield [], standing.queue_age_seconds


FAMILIES: Sequence[Family] = (
    Family(
        "runbell_sensor_lag_seconds",
        "gauge",
        ("sensor",),
        "Age of the oldest status change that waits for the sensor; 0: none.",
        lambda _, standing: (([s.sensor_name], s.lag_seconds) for s in standing.sensors),
    ),
    Family(
        "runbell_sensor_lag_events",
        "gauge",
        ("sensor",),
        "Status changes that wait for the sensor, up to a limit.",
        lambda _, standing: (([s.sensor_name], s.lag_events) for s in standing.sensors),
    ),
    Family(
        "runbell_dead_letters",
        "gauge",
        ("sensor",),
        "Evaluations of the sensor that were given up.",
        lambda _, standing: (([s.sensor_name], s.dead) for s in standing.sensors),
    ),
    Family(
        "runbell_retrying",
        "gauge",
        ("sensor",),
        "Evaluations of the sensor that wait for their next call, or run while others have gone past them.",
        lambda _, standing: (([s.sensor_name], s.retrying) for s in standing.sensors),
    ),
    Family(
        "runbell_sensor_failing_seconds",
        "gauge",
        ("sensor",),
        "Age of the sensor's oldest evaluation that has failed and will be called again; 0: none.",
        lambda _, standing: (([s.sensor_name], s.failing_seconds) for s in standing.sensors),
    ),
    Family(
        "runbell_seen_latency_seconds",
        "histogram",
        (),
        "From the record of a status change to its being read.",
        stage="seen",
    ),
    Family(
        "runbell_evaluated_latency_seconds",
        "histogram",
        (),
        "From the record of a status change to the end of a sensor's function for it.",
        stage="evaluated",
    ),
    Family(
        "runbell_request_latency_seconds",
        "histogram",
        (),
        "From the commit of a status change to the commit of the runs that it led to.",
        stage="request",
    ),
    Family(
        "runbell_launch_latency_seconds",
        "histogram",
        (),
        "From a run request to the start of its run, of all requests in the database since this process looks.",
        stage="launch",
    ),
    Family(
        "runbell_evaluation_duration_seconds",
        "histogram",
        (),
        "What the functions of sensors took.",
        stage="duration",
    ),
    Family(
        "runbell_evaluation_seconds_total",
        "counter",
        ("sensor",),
        "What the functions of the sensor have taken in all, in this process.",
        lambda counts, _: (([sensor], seconds) for sensor, seconds in counts.seconds.items()),
    ),
    Family(
        "runbell_evaluations_total",
        "counter",
        ("sensor", "outcome"),
        "Evaluations that this process has settled.",
        lambda counts, _: ((labels, count) for labels, count in counts.evaluations.items()),
    ),
    Family(
        "runbell_requests",
        "gauge",
        ("state",),
        "Run requests in each state.",
        lambda _, standing: (([state], count) for state, count in standing.requests.items()),
    ),
    Family(
        "runbell_queue_age_seconds",
        "gauge",
        (),
        "How long the oldest request that a launcher may take has been there to take; 0: none.",
        lambda _, standing: _queue_age(standing),
    ),
    Family(
        "runbell_sensors",
        "gauge",
        ("state",),
        "Sensors in the database: owned, unowned (nobody evaluates them), orphaned, stopped.",
        lambda _, standing: _sensor_states(standing),
    ),
    Family(
        "runbell_daemons",
        "gauge",
        ("role",),
        "Processes that count as live, by role.",
        lambda _, standing: _roles(standing),
    ),
    Family(
        "runbell_leases",
        "gauge",
        (),
        "Sensors that this process and its workers evaluate.",
        lambda counts, _: [([], counts.vitals.get("leases", 0))],
    ),
    Family(
        "runbell_reads_total",
        "counter",
        (),
        "Reads of events by this process and its workers.",
        lambda counts, _: [([], counts.counted.get("reads", 0))],
    ),
    Family(
        "runbell_wakeups_total",
        "counter",
        ("by",),
        "Ends of sleep: by the ring of a writer, or by the clock, which looks all the same.",
        lambda counts, _: [([by], counts.counted.get(f"woken by {by}", 0)) for by in ("ring", "clock")],
    ),
    Family(
        "runbell_database_losses_total",
        "counter",
        (),
        "How often this process and its workers lost the database.",
        lambda counts, _: [([], counts.counted.get("database losses", 0))],
    ),
    Family(
        "runbell_pool_connections",
        "gauge",
        ("state",),
        "Pooled connections of this process and its workers.",
        lambda counts, _: [([state], counts.vitals.get(f"pool_{state}", 0)) for state in ("used", "idle")],
    ),
    Family(
        "runbell_loop_delay_seconds",
        "gauge",
        (),
        "By how much an event loop of the workers was late at worst, within a minute.",
        lambda counts, _: [([], counts.vitals.get("loop_delay", 0))],
    ),
    Family(
        "runbell_abandoned_threads",
        "gauge",
        (),
        "Threads in which a function runs on that took too long.",
        lambda counts, _: [([], counts.vitals.get("abandoned_threads", 0))],
    ),
    Family(
        "runbell_standing_age_seconds",
        "gauge",
        (),
        "How old the gauges are that are read from the database; they grow old while it is away.",
        lambda _, standing: _age(standing),
    ),
)
