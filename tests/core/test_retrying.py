"""Retries: when, and when no more."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell import RetryPolicy


def test_waits_quadruple_up_to_the_longest():
    waits = [RetryPolicy().wait(attempts, 1.0, 0.5) for attempts in range(1, 9)]

    assert waits == [1, 4, 16, 64, 256, 1024, 3600, 3600]


def test_the_policy_of_a_sensor_wins_over_the_setting():
    assert RetryPolicy(backoff_seconds=0.5).wait(2, 60, 0.5) == 2
    assert RetryPolicy(attempts=2).gives_up(2, 10, mistake=False)
    assert not RetryPolicy(attempts=12).gives_up(11, 10, mistake=False)


@pytest.mark.parametrize(
    ("calls", "mistake", "dead"), [(9, False, False), (10, False, True), (2, True, False), (3, True, True)]
)
def test_a_mistake_dies_after_the_third_call_and_the_rest_after_the_tenth(calls, mistake, dead):
    assert RetryPolicy().gives_up(calls, 10, mistake=mistake) is dead


def test_a_mistake_never_gets_more_calls_than_anything_else():
    assert RetryPolicy(attempts=1).gives_up(1, 10, mistake=True)


@given(some.integers(1, 10**6), some.floats(0, 10**6), some.floats(0, 1))
def test_a_wait_is_never_longer_than_the_longest(attempts, backoff, jitter):
    assert 0 <= RetryPolicy(max_backoff_seconds=60).wait(attempts, backoff, jitter) <= 60
