"""So many within any minute, and as soon as that allows."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell.core.pacing import MOST_REMEMBERED, WINDOW_SECONDS, Pacing

pauses = some.lists(some.floats(0, 90), max_size=60)


def begin_as_soon_as_allowed(pacing: Pacing, pauses: list[float], now: float = 0.0) -> list[float]:
    """When each of them begins that comes after its pause, and waits as long as it is told."""
    begun = []
    for pause in pauses:
        now += pause
        while (wait := pacing.wait(now)) > 0:
            now += wait
        pacing.begin(now)
        begun.append(now)
    return begun


def most_within_a_minute(begun: list[float]) -> int:
    return max((sum(first <= other < first + 60 for other in begun) for first in begun), default=0)


@given(some.integers(1, 8), pauses)
def test_never_more_within_any_minute(limit, pauses):
    begun = begin_as_soon_as_allowed(Pacing(limit), pauses)

    assert most_within_a_minute(begun) <= limit


@given(some.integers(1, 8), pauses)
def test_nobody_waits_longer_than_needed(limit, pauses):
    pacing = Pacing(limit)
    now, begun = 0.0, []
    for pause in pauses:
        now += pause
        wait = pacing.wait(now)
        if wait > 0:
            # One more at this moment would have been one too many.
            assert sum(now < other + WINDOW_SECONDS for other in begun) == limit
            now += wait
        while pacing.wait(now) > 0:
            now += pacing.wait(now)
        pacing.begin(now)
        begun.append(now)


@given(some.integers(MOST_REMEMBERED + 1, 2000), some.floats(0.001, 0.2), some.integers(0, 2**32))
def test_what_is_remembered_is_bounded_and_still_never_too_much_begins(limit, longest, seed):
    pacing, random = Pacing(limit), Random(seed)

    begun = begin_as_soon_as_allowed(pacing, [random.uniform(0, longest) for _ in range(2500)])

    assert pacing.remembered <= MOST_REMEMBERED + 2
    assert all(later - earlier >= WINDOW_SECONDS - 1e-6 for earlier, later in zip(begun, begun[limit:], strict=False))


@given(some.integers(1, 8), some.lists(some.tuples(some.floats(0, 60), some.integers(1, 3)), max_size=10), pauses)
def test_what_a_former_holder_began_counts(limit, ages, pauses):
    before = [-age for age, count in ages for _ in range(count)]

    begun = begin_as_soon_as_allowed(Pacing(limit, ages, now=0.0), pauses)

    for first in begun:
        assert sum(first - 60 < other <= first for other in before + begun) <= max(
            limit, sum(first - 60 < other for other in before)
        )
    if len(before) >= limit and pauses and begun:
        assert begun[0] >= sorted(before)[-limit] + 60


@pytest.mark.parametrize("age", [-5.0, -1e9])
def test_a_clock_that_was_set_back_makes_nobody_wait_for_more_than_a_minute(age):
    assert Pacing(1, [(age, 1)], now=100.0).wait(100.0) == WINDOW_SECONDS


def test_one_a_minute():
    assert begin_as_soon_as_allowed(Pacing(1), [0, 0, 0]) == [0, 60.25, 120.5]
