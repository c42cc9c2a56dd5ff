"""Adds up what the worker processes have counted, those that have ended included: a counter never falls."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableSequence
from dataclasses import dataclass, field, replace

import msgspec

from runbell.ops.histograms import Histogram
from runbell.ops.metrics import OUTCOMES, STAGES, Counts

# Of the vitals of several processes it is not the sum that counts, but the worst.
WORST = {"loop_delay"}


class Snapshot(msgspec.Struct):
    """What a worker says of its counts. Of each stage: its buckets and the sum of the seconds."""

    evaluations: list[tuple[str, str, int]] = []
    seconds: dict[str, float] = {}
    stages: dict[str, tuple[list[int], float]] = {}
    counted: dict[str, int] = {}
    vitals: dict[str, float] = {}


def packed(counts: Counts, vitals: Mapping[str, float]) -> Snapshot:
    """The counts of this process, for another; what is zero is left out."""
    return Snapshot(
        [(*labels, count) for labels, count in counts.evaluations.items() if count],
        {sensor: seconds for sensor, seconds in counts.seconds.items() if seconds},
        {stage: (found.counts, found.total_seconds) for stage, found in counts.stages.items()},
        dict(counts.counted),
        dict(vitals),
    )


@dataclass(slots=True)
class FleetMetrics:
    """The counts of all workers.

    Attributes:
        sensor_names: the sensors that there are series for; they are known once the first worker has begun.
        ask: has the workers say what they have counted.

    Example:
        >>> metrics = FleetMetrics(["alert"])
        >>> metrics.counted(1, msgspec.json.encode(Snapshot([("alert", "acted", 2)])))
        >>> metrics.ended(1)
        >>> metrics.counts().evaluations["alert", "acted"]
        2
    """

    sensor_names: MutableSequence[str] = field(default_factory=list)
    ask: Callable[[], Awaitable[None]] | None = None
    _live: dict[int, Counts] = field(default_factory=dict)
    _past: Counts = field(default_factory=lambda: _sum(()))

    async def refresh(self) -> None:
        """Ask, and wait a moment for the answers."""
        if self.ask is not None:
            await self.ask()

    def counted(self, worker: int, said: bytes | msgspec.Raw) -> None:
        """A worker has said what it has counted since it began."""
        found = msgspec.json.decode(said, type=Snapshot)
        self._live[worker] = Counts(
            {(sensor, outcome): count for sensor, outcome, count in found.evaluations},
            found.seconds,
            {stage: Histogram(*said) for stage, said in found.stages.items()},
            found.counted,
            found.vitals,
        )

    def ended(self, worker: int) -> None:
        """A worker has ended: what it has counted remains, how it was does not."""
        last = self._live.pop(worker, None)
        if last is not None:
            self._past = _sum((self._past, replace(last, vitals={})))

    def counts(self) -> Counts:
        """What is known of all."""
        known = {(name, outcome): 0 for name in self.sensor_names for outcome in OUTCOMES}
        added = _sum((self._past, *self._live.values()))
        seconds = {**dict.fromkeys(self.sensor_names, 0.0), **added.seconds}
        return replace(added, evaluations={**known, **added.evaluations}, seconds=seconds)


def _sum(parts: Iterable[Counts]) -> Counts:
    evaluations: Counter[tuple[str, str]] = Counter()
    counted: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    vitals: dict[str, float] = {}
    stages = {stage: Histogram() for stage in STAGES}
    for part in parts:
        evaluations.update(part.evaluations)
        counted.update(part.counted)
        for sensor, taken in part.seconds.items():
            seconds[sensor] = seconds.get(sensor, 0.0) + taken
        for stage, found in part.stages.items():
            stages[stage].add(found.counts, found.total_seconds)
        for name, value in part.vitals.items():
            before = vitals.get(name, 0.0)
            vitals[name] = max(before, value) if name in WORST else before + value
    return Counts(evaluations, seconds, stages, counted, vitals)
