"""I4: a function that begins just when its worker is looked at is not blamed for the beats before it."""

import os
from itertools import combinations_with_replacement
from types import SimpleNamespace
from typing import Any, cast

from runbell.core.heartbeats import BEAT_SECONDS, BLOCKED_SECONDS, LATE_SECONDS, SLOW_BEAT_SECONDS
from runbell.engine.markers import NUMBERS, Mark, Markers, on_the_loop
from runbell.engine.workers import Worker


class Recorded(list[int]):
    """Numbers that remember what was written, in order."""

    def __init__(self) -> None:
        super().__init__([0] * NUMBERS)
        self.written: list[tuple[int, int]] = []

    def __setitem__(self, at: Any, value: Any) -> None:
        self.written.append((at, value))
        super().__setitem__(at, value)


class Racing(list[int]):
    """Numbers of a worker that writes on between any two reads; `pauses`: how far it has come before each read."""

    def __init__(self, numbers: list[int], writes: list[tuple[int, int]], pauses: tuple[int, ...]) -> None:
        super().__init__(numbers)
        self._writes = writes
        self._pauses = list(pauses)
        self._done = 0

    def __getitem__(self, at: Any) -> Any:
        reached = self._pauses.pop(0) if self._pauses else len(self._writes)
        for place, value in self._writes[self._done : reached]:
            self[place] = value
        self._done = max(self._done, reached)
        return super().__getitem__(at)


def beginning() -> tuple[list[int], list[tuple[int, int]]]:
    """The numbers of a worker that has nothing to do, and what it writes when a function begins."""
    numbers = Recorded()
    markers = Markers({"s": 0}, cast("memoryview", numbers))
    markers.beat(SLOW_BEAT_SECONDS)
    before = list(numbers)
    numbers.written.clear()
    markers.beat(BEAT_SECONDS)
    Mark(cast("memoryview", numbers), 1, 77, 0).set()
    return before, list(numbers.written)


def worker_with(numbers: list[int]) -> Worker:
    process: Any = SimpleNamespace(pid=os.getpid())
    channel: Any = None
    return Worker(1, "active", frozenset(), process, channel, cast("memoryview", numbers), -1, -1, 0.0)


def test_i4_who_begins_while_it_is_looked_at_has_held_up_nothing():
    before, writes = beginning()
    looked = 0
    for pauses in combinations_with_replacement(range(len(writes) + 1), 6):
        worker = worker_with(before)
        worker.look(0.0, LATE_SECONDS)
        worker.numbers = cast("memoryview", Racing(before, writes, pauses))
        worker.look(BLOCKED_SECONDS, BLOCKED_SECONDS)
        still = worker.watch.still_seconds >= BLOCKED_SECONDS
        assert not (still and not worker.watch.slow and on_the_loop(worker.numbers)), pauses
        looked += still
    assert looked, "no look found the heart standing still"
