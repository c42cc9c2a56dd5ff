"""Histograms that cost next to nothing to keep: counts in fixed buckets, and of what comes in bulk a sample of it."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf
from typing import TypeVar

T = TypeVar("T")
# From what a quiet server does in a millisecond to an hour's backlog.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
# Of a batch so many are looked at, each for its share of the rest: exact where events come one by one.
SAMPLES = 16


@dataclass(slots=True)
class Histogram:
    """How often what took how long.

    Attributes:
        counts: by bucket, not cumulated; the last is for what lies beyond all of them.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total_seconds: float = 0.0

    def observe(self, seconds: float, weight: int = 1) -> None:
        """It took so long, so many times. Another machine's clock, or a row put in by hand, may say anything."""
        seconds = seconds if 0 <= seconds < inf else 0.0
        self.counts[bisect_left(BUCKETS, seconds)] += weight
        self.total_seconds += seconds * weight

    def add(self, counts: Sequence[int], total_seconds: float) -> None:
        """Add what another one has counted."""
        self.counts = [one + more for one, more in zip(self.counts, counts, strict=True)]
        self.total_seconds += total_seconds


def sampled(batch: Sequence[T]) -> list[tuple[T, int]]:
    """Some of a batch, each with how many of it it stands for; all of them while they are few.

    Example:
        >>> sampled("ab"), sum(weight for _, weight in sampled(range(1000)))
        ([('a', 1), ('b', 1)], 1000)
    """
    if len(batch) <= SAMPLES:
        return [(one, 1) for one in batch]
    size = len(batch)
    starts = [size * n // SAMPLES for n in range(SAMPLES + 1)]
    return [(batch[start], end - start) for start, end in pairwise(starts)]
