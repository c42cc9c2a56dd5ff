"""Adds up what the worker processes have counted, those that have ended included: a counter never falls."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, MutableSequence
from dataclasses import dataclass, field, replace

import msgspec

from runbell.ops.metrics import BUCKETS, OUTCOMES, Counts


class Snapshot(msgspec.Struct):
    """What a worker says of its counts."""

    evaluations: list[tuple[str, str, int]]
    latencies: list[int]
    latency_sum: float
    abandoned_threads: int = 0


def packed(counts: Counts) -> Snapshot:
    """The counts of this process, for another; what is zero is left out."""
    evaluations = [(*labels, count) for labels, count in counts.evaluations.items() if count]
    return Snapshot(evaluations, list(counts.latencies), counts.latency_sum, counts.abandoned_threads)


@dataclass(slots=True)
class FleetMetrics:
    """The counts of all workers.

    Attributes:
        sensor_names: the sensors that there are series for; they are known once the first worker has begun.
        ask: has the workers say what they have counted.

    Example:
        >>> metrics = FleetMetrics(["alert"])
        >>> metrics.counted(1, msgspec.json.encode(Snapshot([("alert", "acted", 2)], [0] * 18, 0.0)))
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
        evaluations = {(sensor, outcome): count for sensor, outcome, count in found.evaluations}
        self._live[worker] = Counts(evaluations, tuple(found.latencies), found.latency_sum, found.abandoned_threads)

    def ended(self, worker: int) -> None:
        """A worker has ended: what it has counted remains, its threads do not."""
        last = self._live.pop(worker, None)
        if last is not None:
            self._past = _sum((self._past, replace(last, abandoned_threads=0)))

    def counts(self) -> Counts:
        """What is known of all."""
        known = {(name, outcome): 0 for name in self.sensor_names for outcome in OUTCOMES}
        added = _sum((self._past, *self._live.values()))
        return replace(added, evaluations={**known, **added.evaluations})


def _sum(parts: Iterable[Counts]) -> Counts:
    evaluations: Counter[tuple[str, str]] = Counter()
    latencies, latency_sum, abandoned = [0] * (len(BUCKETS) + 1), 0.0, 0
    for part in parts:
        evaluations.update(part.evaluations)
        latencies = [one + more for one, more in zip(latencies, part.latencies, strict=True)]
        latency_sum += part.latency_sum
        abandoned += part.abandoned_threads
    return Counts(dict(evaluations), tuple(latencies), latency_sum, abandoned)
