"""What one sensor has been handed, what has finished, and how far its place may move now.

A result is settled only by the commit that moves the place over its event or removes its row in `evaluations`. When
the place moves over an event that is still running, the same commit puts that event into `evaluations`.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from runbell.core.events import RunEvent
from runbell.core.places import Place, Snapshot
from runbell.core.requests import Conclusion

# How long a finished evaluation waits for earlier ones, so that a commit need not write a row for each of those.
LINGER_SECONDS = 0.02


@dataclass(slots=True, eq=False)
class Evaluation:
    """One call of one sensor for one event, from being handed over until it is settled.

    Attributes:
        attempts: the calls that have been settled before this one.
        recorded: it has a row in `evaluations`; the place lies beyond it.
        retry_in: after a failure, seconds until the next call; None gives it up.
        first_called_at: when it was called for the first time, if it failed then.
    """

    event: RunEvent
    replay: int = 0
    attempts: int = 0
    recorded: bool = False
    conclusion: Conclusion | None = None
    retry_in: float | None = None
    finished_at: float = 0.0
    duration_ms: float = 0.0
    first_called_at: float | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One read's share of one sensor: its events between two places, in the order of their keys."""

    start: Place
    upper: Snapshot
    end: Place
    evaluations: Sequence[Evaluation]

    def place_after(self, count: int) -> Place:
        """The place after the first `count` of these evaluations."""
        if count == len(self.evaluations):
            return self.end
        return Place(self.start.position, self.upper, self.evaluations[count - 1].event.key)


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one commit does for one sensor.

    Attributes:
        place, new_place: it takes effect only if the sensor's place still is `place`.
        placed: finished evaluations that the place moves over.
        overtaken: unfinished ones that it moves over; each becomes a `running` row.
        rows: finished evaluations that have a row already.
    """

    sensor_name: str
    lease_epoch: int
    place: Place
    new_place: Place
    placed: Sequence[Evaluation] = ()
    overtaken: Sequence[Evaluation] = ()
    rows: Sequence[Evaluation] = ()

    @property
    def finished(self) -> Iterable[Evaluation]:
        return chain(self.placed, self.rows)

    @property
    def size(self) -> int:
        """How many evaluations it settles."""
        return len(self.placed) + len(self.rows)


@dataclass(slots=True, eq=False)
class Head:
    """The tail's place, shared by all sensors that have joined it."""

    place: Place


@dataclass(slots=True, eq=False)
class Crowd:
    """All sensors that share a process's memory.

    Attributes:
        pending: what is pending of all of them.
        live_at: when the tail last handed an event to one of them, on the monotonic clock.
    """

    pending: int = 0
    live_at: float = -math.inf


@dataclass(slots=True, eq=False)
class Progress:
    """How far one sensor has got, in memory, while its lease is held.

    Attributes:
        place: as it stands in the database.
        ahead: up to where a sensor that reads by itself has been handed events.
        head: the tail's place, for a sensor that has joined it.
        pending, passed: how many evaluations the place has not passed yet, and how many it has.
        weight: bytes of an event, on average over the page that was handed last.
        crowd: those that it shares its process's memory with.
    """

    sensor_name: str
    lease_epoch: int
    place: Place
    ahead: Place
    head: Head | None = None
    pending: int = 0
    passed: int = 0
    weight: float = 0.0
    crowd: Crowd = field(default_factory=Crowd)
    _pages: deque[Page] = field(default_factory=deque)
    _settled: int = 0
    _rows: list[Evaluation] = field(default_factory=list)

    @property
    def reached(self) -> Place:
        """Up to where events have been handed over: everything behind it that is not pending is settled."""
        return self.head.place if self.head is not None else self.ahead

    def hand(self, page: Page) -> None:
        """Take over the events of a page (at least one); the place that is handed up to moves to its end."""
        self._pages.append(page)
        self.pending += len(page.evaluations)
        self.crowd.pending += len(page.evaluations)
        self.ahead = page.end

    def leave_crowd(self) -> None:
        """The lease is lost: what is pending here is nobody's concern any more."""
        self.crowd.pending -= self.pending
        self.crowd = Crowd()

    def leave_tail(self) -> None:
        """From here on this sensor reads by itself, from where the tail stands now."""
        self.ahead = self.reached
        self.head = None

    def finish(self, evaluation: Evaluation) -> None:
        """An evaluation has its conclusion."""
        if evaluation.recorded:
            self._rows.append(evaluation)

    def plan(self, now: float, limit: int = 1000) -> Settlement | None:
        """What may be settled now, up to `limit` finished evaluations; None while they should wait for earlier ones."""
        rows = tuple(self._rows[:limit])
        open_ones = self._open()
        cut = _cut(open_ones, now, limit - len(rows))
        if not rows and cut == 0:
            return None
        passed = open_ones[:cut]
        return Settlement(
            self.sensor_name,
            self.lease_epoch,
            self.place,
            self._place_after(cut),
            placed=tuple(e for e in passed if e.conclusion is not None),
            overtaken=tuple(e for e in passed if e.conclusion is None),
            rows=rows,
        )

    def waits_until(self) -> float | None:
        """When the oldest finished evaluation has waited long enough for earlier ones; None if none waits."""
        waiting = [e.finished_at for e in self._open() if e.conclusion is not None]
        return min(waiting) + LINGER_SECONDS if waiting else None

    @property
    def has_finished(self) -> bool:
        """Is there anything left to be settled?"""
        return bool(self._rows) or any(e.conclusion is not None for e in self._open())

    def idle_move(self) -> Settlement | None:
        """Nothing is pending, but the place lags behind what was read: a lazy write."""
        if self.pending or self.place == self.reached:
            return None
        return Settlement(self.sensor_name, self.lease_epoch, self.place, self.reached)

    def settled(self, done: Settlement) -> None:
        """The settlement has been committed."""
        self.place = done.new_place
        gone = set(map(id, done.rows))
        self._rows = [e for e in self._rows if id(e) not in gone]
        for evaluation in done.overtaken:
            evaluation.recorded = True
            # It may have finished while the commit was in flight: then its row is settled next.
            if evaluation.conclusion is not None:
                self._rows.append(evaluation)
        self._drop(len(done.placed) + len(done.overtaken))

    def _open(self) -> list[Evaluation]:
        """The evaluations that the place has not passed, in order."""
        open_ones = chain.from_iterable(page.evaluations for page in self._pages)
        return list(islice(open_ones, self._settled, None))

    def _place_after(self, count: int) -> Place:
        if count == 0:
            return self.place
        if count == self.pending:
            return self.reached
        count += self._settled
        pages = iter(self._pages)
        page = next(pages)
        while count > len(page.evaluations):
            count -= len(page.evaluations)
            page = next(pages)
        return page.place_after(count)

    def _drop(self, count: int) -> None:
        self.pending -= count
        self.crowd.pending -= count
        self.passed += count
        self._settled += count
        while self._pages and self._settled >= len(self._pages[0].evaluations):
            self._settled -= len(self._pages.popleft().evaluations)


def _cut(evaluations: Sequence[Evaluation], now: float, limit: int) -> int:
    """How many of these the place may pass: finished ones in front, and all before one that has waited enough."""
    cut = finished = last = 0
    in_front = True
    for count, evaluation in enumerate(evaluations, start=1):
        if evaluation.conclusion is None:
            in_front = False
            continue
        if finished == limit:
            # No room for all that should wait together: those that fit need not wait any longer.
            return cut or last
        finished, last = finished + 1, count
        if in_front or evaluation.finished_at + LINGER_SECONDS <= now:
            cut = count
    return cut
