"""What may be settled when: random pages, finished in any order, settled in groups of any size."""

import sys

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from runbell.core.events import EventKey, RunEvent
from runbell.core.places import Place, Snapshot
from runbell.core.progress import LINGER_SECONDS, Crowd, Evaluation, Head, Page, Progress, Settlement
from runbell.core.requests import Conclusion
from support.places import passes

ACTED = Conclusion("acted")


def event(xid: int, event_id: int) -> RunEvent:
    return RunEvent(
        event_id, xid, "sql", f"r{event_id}", "job", None, "SUCCESS", "SUCCESS", None, "{}", None, None, 0.0
    )


class Sensor(RuleBasedStateMachine):
    """One sensor between a reader, its functions and the committer; commits take time."""

    def __init__(self) -> None:
        super().__init__()
        start = Place(Snapshot(10, 10))
        self.now = 0.0
        self.next_xid = 10
        self.next_id = 1
        self.progress = Progress("s", 1, start, start)
        self.handed: list[Evaluation] = []
        self.done: list[Evaluation] = []
        self.rows: set[int] = set()
        self.in_flight: Settlement | None = None
        self.places = [start]

    @rule(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3), cut=st.booleans(), swapped=st.booleans())
    def a_page_is_handed(self, sizes: list[int], cut: bool, swapped: bool) -> None:
        start = self.progress.reached
        ids = list(range(self.next_id, self.next_id + sum(sizes)))
        if swapped:
            ids.reverse()
        self.next_id += len(ids)
        found = []
        for size in sizes:
            found += [Evaluation(event(self.next_xid, event_id)) for event_id in sorted(ids[:size])]
            del ids[:size]
            self.next_xid += 1
        upper = start.upper or Snapshot(self.next_xid + 50, self.next_xid + 50)
        end = start.at(upper, found[-1].event.key) if cut else start.end(upper)
        if not cut:
            self.next_xid = max(self.next_xid, upper.xmax)
        self.progress.hand(Page(start, upper, end, found))
        self.handed += found

    @rule(data=st.data())
    @precondition(lambda self: any(e.conclusion is None for e in self.handed))
    def one_finishes(self, data: st.DataObject) -> None:
        evaluation = data.draw(st.sampled_from([e for e in self.handed if e.conclusion is None]))
        evaluation.conclusion = ACTED
        evaluation.finished_at = self.now
        self.progress.finish(evaluation)

    @rule(seconds=st.sampled_from([0.001, LINGER_SECONDS / 2, LINGER_SECONDS]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(limit=st.integers(1, 6))
    @precondition(lambda self: self.in_flight is None)
    def a_commit_begins(self, limit: int) -> None:
        self.in_flight = self.progress.plan(self.now, limit)
        if self.in_flight is not None:
            assert self.in_flight.size <= limit

    @rule()
    @precondition(lambda self: self.in_flight is not None)
    def the_commit_ends(self) -> None:
        settled, self.in_flight = self.in_flight, None
        assert settled is not None
        assert settled.place == self.progress.place
        for finished in settled.finished:
            assert finished not in self.done, "settled twice"
            self.done.append(finished)
        assert {e.event.event_id for e in settled.rows} <= self.rows
        self.rows -= {e.event.event_id for e in settled.rows}
        self.rows |= {e.event.event_id for e in settled.overtaken}
        self.progress.settled(settled)
        self.places.append(settled.new_place)
        # Here too, and not only after a rule: what ends has its last commits in the teardown.
        self.i5_the_place_passes_only_what_is_settled_or_recorded()

    @rule()
    @precondition(lambda self: self.in_flight is None)
    def a_lazy_write(self) -> None:
        move = self.progress.idle_move()
        if move is not None:
            self.progress.place = move.new_place
            self.places.append(move.new_place)

    @invariant()
    def i5_the_place_passes_only_what_is_settled_or_recorded(self) -> None:
        for evaluation in self.handed:
            if passes(self.progress.place, evaluation.event.key):
                assert evaluation in self.done or evaluation.event.event_id in self.rows

    @invariant()
    def the_place_never_moves_back(self) -> None:
        for before, after in zip(self.places, self.places[1:], strict=False):
            for evaluation in self.handed:
                if passes(before, evaluation.event.key):
                    assert passes(after, evaluation.event.key)

    def teardown(self) -> None:
        if sys.exception() is not None:
            return  # What follows from a failure would be reported in its place.
        if self.in_flight is not None:
            self.the_commit_ends()
        for evaluation in self.handed:
            if evaluation.conclusion is None:
                evaluation.conclusion = ACTED
                self.progress.finish(evaluation)
        while (planned := self.progress.plan(self.now + 1)) is not None:
            self.in_flight = planned
            self.the_commit_ends()
        assert len(self.done) == len(self.handed), "something was never settled"
        assert not self.rows
        assert self.progress.pending == 0
        assert self.progress.place == self.progress.reached


TestI5Progress = Sensor.TestCase
TestI5Progress.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def handed(progress: Progress, *ids: int) -> list[Evaluation]:
    evaluations = [Evaluation(event(20, event_id)) for event_id in ids]
    end = Place(Snapshot(30, 30))
    progress.hand(Page(progress.reached, Snapshot(30, 30), end, evaluations))
    return evaluations


def test_a_finished_one_waits_for_earlier_ones_and_then_overtakes_them() -> None:
    start = Place(Snapshot(10, 10))
    progress = Progress("s", 1, start, start)
    first, second, third = handed(progress, 1, 2, 3)
    second.conclusion, second.finished_at = ACTED, 5.0
    progress.finish(second)

    assert progress.plan(5.0) is None
    assert progress.waits_until() == 5.0 + LINGER_SECONDS
    planned = progress.plan(5.0 + LINGER_SECONDS)

    assert planned is not None
    assert planned.overtaken == (first,)
    assert planned.placed == (second,)
    assert planned.new_place.last == EventKey(20, 2)
    assert not passes(planned.new_place, third.event.key)


def test_a_sensor_in_the_tail_moves_to_the_tails_place_when_nothing_is_pending() -> None:
    start = Place(Snapshot(10, 10))
    head = Head(start)
    progress = Progress("s", 1, start, start, head=head)
    (only,) = handed(progress, 1)
    head.place = Place(Snapshot(77, 77))
    only.conclusion = ACTED
    progress.finish(only)
    planned = progress.plan(0.0)

    assert planned is not None
    assert planned.new_place == head.place


def test_leaving_the_tail_keeps_what_the_tail_had_read() -> None:
    start = Place(Snapshot(10, 10))
    head = Head(Place(Snapshot(40, 40)))
    progress = Progress("s", 1, start, start, head=head)

    progress.leave_tail()
    head.place = Place(Snapshot(99, 99))

    assert progress.reached == Place(Snapshot(40, 40))


def test_an_idle_sensors_place_is_written_when_it_lags_behind_what_was_read() -> None:
    start = Place(Snapshot(10, 10))
    head = Head(start)
    progress = Progress("s", 1, start, start, head=head)
    assert progress.idle_move() is None

    head.place = Place(Snapshot(77, 77))
    move = progress.idle_move()

    assert move == Settlement("s", 1, start, head.place)


def test_whether_something_is_left_to_settle() -> None:
    start = Place(Snapshot(10, 10))
    progress = Progress("s", 1, start, start)
    first, second = handed(progress, 1, 2)
    assert not progress.has_finished

    second.conclusion = ACTED
    progress.finish(second)
    assert progress.has_finished
    assert progress.waits_until() == LINGER_SECONDS

    first.recorded = True
    first.conclusion = ACTED
    progress.finish(first)
    assert progress.has_finished


def test_what_finishes_while_the_commit_that_overtakes_it_is_in_flight_is_settled_next() -> None:
    start, end = Place(Snapshot(10, 10)), Place(Snapshot(20, 20))
    slow, quick = Evaluation(event(11, 1)), Evaluation(event(12, 2))
    progress = Progress("s", 1, start, start)
    progress.hand(Page(start, Snapshot(20, 20), end, [slow, quick]))
    quick.conclusion = ACTED
    first = progress.plan(LINGER_SECONDS)
    assert first is not None
    assert (first.placed, first.overtaken, first.new_place) == ((quick,), (slow,), end)

    slow.conclusion = ACTED
    progress.finish(slow)
    progress.settled(first)
    second = progress.plan(LINGER_SECONDS)

    assert second is not None
    assert (second.rows, second.placed, second.new_place) == ((slow,), (), end)


def test_what_is_pending_of_a_lost_lease_counts_for_nobody() -> None:
    start = Place(Snapshot(10, 10))
    crowd = Crowd()
    kept, lost = (Progress(name, 1, start, start, crowd=crowd) for name in ("kept", "lost"))
    handed(kept, 1, 2)
    handed(lost, 1, 2, 3)
    assert crowd.pending == 5

    lost.leave_crowd()

    assert (crowd.pending, lost.pending) == (2, 3)
