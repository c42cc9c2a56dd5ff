"""Whose evaluations the next commit is for, while some sensors catch up and others are up to date."""

import time

import pytest

from runbell.core.events import EventKey, RunEvent
from runbell.core.filters import Filter
from runbell.core.places import Place, Snapshot
from runbell.core.portions import GENTLE_EVALUATIONS
from runbell.core.progress import Evaluation, Head, Page, Progress
from runbell.core.requests import Conclusion
from runbell.core.routing import Subscription
from runbell.engine.committer import Committer
from runbell.engine.lanes import Lane
from runbell.engine.term import Held, Term

START, UPPER = Place(Snapshot(10, 10)), Snapshot(20, 20)
EVENTS = 300


class Sensors:
    """One that catches up and one that is up to date, each with a page in hand."""

    def __init__(self) -> None:
        self.term = Term()
        self.committer = Committer(None, self.term, None, None, None)
        self.behind, self.live = self._hold("behind"), self._hold("live")
        self.live.head = Head(self.live.ahead)
        self.term.crowd.live_at = time.monotonic()

    def _hold(self, name: str) -> Progress:
        progress = Progress(name, 1, START, START, crowd=self.term.crowd)
        ids = range(1, EVENTS + 1)
        events = [RunEvent(n, 15, "sql", f"r{n}", "j", None, "", "", None, "{}", None, None, 0.0) for n in ids]
        end = START.at(UPPER, EventKey(15, EVENTS))
        progress.hand(Page(START, UPPER, end, [Evaluation(event) for event in events]))
        self.term.held[name] = Held(name, Subscription(Filter(statuses=frozenset())), progress, Lane(None, 1, None))
        return progress

    def finish(self, progress: Progress, *places: int) -> None:
        for place in places:
            evaluation = progress._open()[place]
            evaluation.finished_at, evaluation.conclusion = time.monotonic(), Conclusion("acted")
            self.committer.finished(progress, evaluation)

    def next_commit(self) -> list[str]:
        return [settlement.sensor_name for settlement in self.committer._plan()]


@pytest.fixture
def sensors() -> Sensors:
    return Sensors()


def test_who_is_up_to_date_has_every_other_commit(sensors):
    commits = []
    for _ in range(4):
        for progress in (sensors.behind, sensors.live):
            sensors.finish(progress, 0)
        commits.append(sensors.next_commit())

    assert commits == [["live"], ["behind", "live"]] * 2


def test_a_turn_that_comes_to_nothing_is_for_all(sensors):
    # It waits for the first of its evaluations, which has not finished.
    sensors.finish(sensors.live, 2)
    sensors.finish(sensors.behind, 0)

    assert sensors.next_commit() == ["behind"]


def test_while_nothing_comes_for_who_is_up_to_date_all_have_one_commit(sensors):
    sensors.term.crowd.live_at -= 2
    for progress in (sensors.behind, sensors.live):
        sensors.finish(progress, 0)

    assert sensors.next_commit() == ["behind", "live"]


def test_a_commit_for_who_catches_up_is_small_then(sensors):
    sensors.finish(sensors.behind, *range(EVENTS))
    (small,) = sensors.committer._plan()
    sensors.committer._dirty["behind"] = sensors.behind
    sensors.term.crowd.live_at -= 2
    (whole,) = sensors.committer._plan()

    assert (small.size, whole.size) == (GENTLE_EVALUATIONS, EVENTS)


def test_a_commit_for_who_is_up_to_date_is_whole_all_the_same(sensors):
    sensors.finish(sensors.behind, 0)
    sensors.finish(sensors.live, *range(EVENTS))

    assert [settlement.size for settlement in sensors.committer._plan()] == [EVENTS]
