"""Retries: when, and when no more."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell import GiveUp, Retry, RetryPolicy
from runbell.core.requests import Conclusion
from runbell.core.retrying import conclude_asked, next_call_in, unfit

FAILED = Conclusion("failed")


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


@given(some.floats(1, 1000), some.floats(0, 1), some.integers(1, 10**6), some.floats(0, 1))
def test_a_wait_is_a_time_whatever_the_policy(factor, jitter, attempts, drawn):
    policy = RetryPolicy(backoff_seconds=1.0, factor=factor, jitter=jitter)

    assert unfit(policy) is None
    assert 0 <= policy.wait(attempts, 1.0, drawn) <= 3600


def test_factor_and_jitter_are_what_they_say():
    steady = RetryPolicy(backoff_seconds=10, factor=1, jitter=0)
    spread = RetryPolicy(backoff_seconds=10, factor=2, jitter=0.5)

    assert [steady.wait(attempts, 1.0, 0.9) for attempts in (1, 2, 9)] == [10, 10, 10]
    assert [spread.wait(2, 1.0, drawn) for drawn in (0.0, 0.5, 1.0)] == [10, 20, 30]


def next_call(policy=None, conclusion=FAILED, *, calls=1, age=0.0, attempts=10):
    return next_call_in(
        policy or RetryPolicy(),
        conclusion,
        calls=calls,
        age_seconds=age,
        default_attempts=attempts,
        default_backoff=1.0,
        drawn=0.5,
    )


def test_only_what_failed_and_may_succeed_is_called_again():
    assert next_call() == 1.0
    assert next_call(conclusion=Conclusion("acted")) is None
    assert next_call(conclusion=Conclusion("failed", final=True)) is None
    assert next_call(calls=10) is None
    assert next_call(conclusion=Conclusion("failed", mistake=True), calls=3) is None


def test_what_the_function_asks_for_wins_over_the_backoff_and_counts_as_a_call():
    asked = Conclusion("failed", retry_after=7200.0)

    assert next_call(conclusion=asked) == 7200.0
    assert next_call(conclusion=Conclusion("failed", retry_after=0.0)) == 0.0
    assert next_call(conclusion=asked, calls=10) is None


def test_a_wait_that_is_only_the_least_never_shortens_the_backoff():
    asked = Conclusion("failed", retry_after=20.0, at_least=True)

    assert [next_call(conclusion=asked, calls=calls) for calls in (1, 3, 4, 9)] == [20.0, 20.0, 64.0, 3600.0]


def test_no_call_begins_after_the_greatest_age():
    policy = RetryPolicy(max_age_seconds=60)

    assert next_call(policy, age=59.0) == 1.0
    assert next_call(policy, age=59.5) is None
    assert next_call(policy, Conclusion("failed", retry_after=30.0), age=29.0) == 30.0
    assert next_call(policy, Conclusion("failed", retry_after=30.0), age=31.0) is None


@pytest.mark.parametrize("after", [-1, -0.001, math.nan, math.inf, "5", True, None, [], 366 * 86_400, timedelta(-1)])
def test_a_time_that_cannot_be_waited_for_is_refused_where_it_is_raised(after):
    if after is None:
        assert Retry(after).after is None
        return
    with pytest.raises(ValueError, match=r"^Retry\(after=.*\): after is no time to wait: give seconds or a timedelta"):
        Retry(after=after)


@pytest.mark.parametrize(("after", "seconds"), [(0, 0.0), (1.5, 1.5), (timedelta(minutes=2), 120.0)])
def test_a_time_is_seconds_or_a_timedelta(after, seconds):
    assert Retry(after=after).after == seconds


def test_asked_for_are_a_reason_and_no_traceback():
    later = conclude_asked(Retry(after=5, reason="the report is not written"))
    never = conclude_asked(GiveUp("the customer is gone"))

    assert (later.outcome, later.reason, later.retry_after, later.final) == (
        "failed",
        "the report is not written",
        5.0,
        False,
    )
    assert (later.error, never.error) == ("Retry: the report is not written", "GiveUp: the customer is gone")
    assert (never.outcome, never.final) == ("failed", True)
    assert conclude_asked(ValueError("another")) is None


def test_a_reason_may_be_missing_or_anything():
    assert conclude_asked(GiveUp()).reason == "no reason given"
    assert conclude_asked(Retry(reason=404)).reason == "404"
    assert conclude_asked(Retry(reason="a\x00b\ud800")).reason == "a\\x00b\\ud800"

    caused = Retry(after=1)
    caused.__cause__ = ConnectionError("the API is down")
    assert conclude_asked(caused).error == "Retry: ConnectionError: the API is down"


def test_a_task_group_around_it_changes_nothing():
    wrapped = ExceptionGroup("outer", [ExceptionGroup("inner", [Retry(after=5, reason="busy")])])

    assert conclude_asked(wrapped).retry_after == 5.0
    assert conclude_asked(ExceptionGroup("two", [Retry(), OSError()])) is None


def test_a_subclass_of_an_authors_own_means_the_same():
    class RateLimited(Retry):
        def __init__(self, response):
            super().__init__(after=response["retry_after"], reason="rate limited")

    assert conclude_asked(RateLimited({"retry_after": 3})).error == "RateLimited: rate limited"


class UnspeakableError(Exception):
    @property
    def __notes__(self):
        raise RuntimeError("no")


def test_a_reason_may_be_any_exception_that_led_to_it():
    error = Retry()
    error.__cause__ = UnspeakableError("lost")

    conclusion = conclude_asked(error)

    assert conclusion is not None
    assert "UnspeakableError" in (conclusion.error or "")
