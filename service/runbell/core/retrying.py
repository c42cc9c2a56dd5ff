"""When a failed evaluation is tried again, and when it is given up; and how an author says so."""

import traceback
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from runbell.core.requests import Conclusion
from runbell.core.text import shown, storable

# Errors of the author's code that another try rarely mends; given up after the third call, not after an afternoon.
MISTAKES = (TypeError, NameError, AttributeError, KeyError)
CALLS_OF_A_MISTAKE = 3
# Nobody means a longer one, and far beyond it the database has no time of day for it.
LONGEST_WAIT_SECONDS = 365 * 86_400.0
NO_REASON = "no reason given"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed evaluation is called again.

    Args:
        attempts: calls in all, the first included; None follows `RUNBELL_RETRY_ATTEMPTS`.
        backoff_seconds: the wait before the second call; None follows `RUNBELL_RETRY_BACKOFF_SECONDS`.
        factor: each further wait is so many times the one before; 1 keeps it as it is.
        jitter: each wait is spread over so much of itself to both sides, so that what failed together is not called
            together again; 0 to 1.
        max_backoff_seconds: the longest wait.
        max_age_seconds: no call begins later than this after the first that failed; None: only `attempts` counts. What
            a stopped daemon left waiting is called once more, however late.

    Example:
        >>> policy = RetryPolicy(attempts=5, backoff_seconds=2, factor=3, max_age_seconds=3600)
        >>> [policy.wait(calls, 1.0, 0.5) for calls in (1, 2, 3)]
        [2.0, 6.0, 18.0]
    """

    attempts: int | None = None
    backoff_seconds: float | None = None
    factor: float = 4.0
    jitter: float = 0.25
    max_backoff_seconds: float = 3600.0
    max_age_seconds: float | None = None

    def wait(self, attempts: int, default_backoff: float, drawn: float) -> float:
        """Seconds until the next call after `attempts` calls. `drawn` in 0..1 says where within the jitter."""
        first = self.backoff_seconds if self.backoff_seconds is not None else default_backoff
        # The exponent is bounded: 4 ** 500 seconds would overflow a float long before anybody waits for it.
        wait: float = first * float(self.factor) ** min(attempts - 1, 30)
        return min(wait * (1 - self.jitter + 2 * self.jitter * drawn), self.max_backoff_seconds)

    def gives_up(self, attempts: int, default_attempts: int, *, mistake: bool) -> bool:
        """Is the evaluation dead after this many calls?"""
        allowed = self.attempts if self.attempts is not None else default_attempts
        return attempts >= (min(allowed, CALLS_OF_A_MISTAKE) if mistake else allowed)


class Retry(Exception):  # noqa: N818 - it is raised as an answer, and reads as one
    """Raised in a sensor: call it again for this event. A call that counts, and a `failed` outcome with this reason.

    Args:
        after: seconds, or a timedelta, until then; None waits as the sensor's RetryPolicy says.
        reason: stands in the log line and in the tick, in place of a traceback.

    Raises:
        ValueError: `after` is not a time from zero to a year.

    Example:
        >>> Retry(after=timedelta(minutes=5), reason="the report is not written yet").after
        300.0
    """

    # True: the policy's wait is kept where it is the longer one.
    at_least: ClassVar[bool] = False

    def __init__(self, after: float | timedelta | None = None, reason: str | None = None) -> None:
        self.after = None if after is None else _seconds(after)
        self.reason = reason
        super().__init__(reason)


class GiveUp(Exception):  # noqa: N818 - as above
    """Raised in a sensor: do not call it for this event again. The evaluation is a dead letter at once.

    Args:
        reason: stands in the log line and with the dead letter.

    Example:
        >>> GiveUp("the customer is gone").reason
        'the customer is gone'
    """

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(reason)


def conclude_asked(error: BaseException) -> Conclusion | None:
    """What a Retry or a GiveUp means, also when a task group has wrapped it; None for any other exception.

    Example:
        >>> conclude_asked(GiveUp("too late")).error
        'GiveUp: too late'
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if not isinstance(error, Retry | GiveUp):
        return None
    reason = _reason(error)
    said = storable(f"{type(error).__name__}: {reason}")
    if isinstance(error, Retry):
        return Conclusion("failed", reason=reason, error=said, retry_after=error.after, at_least=error.at_least)
    return Conclusion("failed", reason=reason, error=said, final=True)


def next_call_in(
    policy: RetryPolicy,
    conclusion: Conclusion,
    *,
    calls: int,
    age_seconds: float,
    default_attempts: int,
    default_backoff: float,
    drawn: float,
) -> float | None:
    """Seconds until the next call; None when there is none: it succeeded, or is given up.

    Args:
        policy: the sensor's.
        conclusion: what the last call came to.
        calls: how often the function has been called for this event.
        age_seconds: since the first of them.
        default_attempts, default_backoff: what counts where the policy says nothing.
        drawn: a random number in 0..1.

    Example:
        >>> failed = Conclusion("failed", retry_after=30.0)
        >>> settings = {"default_attempts": 10, "default_backoff": 1.0, "drawn": 0.5}
        >>> next_call_in(RetryPolicy(), failed, calls=1, age_seconds=0, **settings)
        30.0
        >>> next_call_in(RetryPolicy(max_age_seconds=60), failed, calls=2, age_seconds=31, **settings) is None
        True
    """
    if conclusion.outcome != "failed" or conclusion.final:
        return None
    if policy.gives_up(calls, default_attempts, mistake=conclusion.mistake):
        return None
    wait, asked = policy.wait(calls, default_backoff, drawn), conclusion.retry_after
    if asked is not None:
        wait = max(wait, asked) if conclusion.at_least else asked
    if policy.max_age_seconds is not None and age_seconds + wait > policy.max_age_seconds:
        return None
    return wait


def is_wait(value: object) -> bool:
    """Is it a number of seconds that can be waited for: zero to a year?"""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= LONGEST_WAIT_SECONDS


def _seconds(after: float | timedelta) -> float:
    given = after.total_seconds() if isinstance(after, timedelta) else after
    if not is_wait(given):
        raise ValueError(
            f"Retry(after={shown(after)}): after is no time to wait: give seconds or a timedelta, from zero to a year"
        )
    return float(given)


def _reason(error: Retry | GiveUp) -> str:
    """The reason given, else the error that led to it."""
    given = error.reason
    if given is not None:
        return storable(given if isinstance(given, str) else shown(given))
    cause = error.__cause__
    if cause is None:
        return NO_REASON
    try:
        return storable("".join(traceback.format_exception_only(cause)).strip())
    except Exception:  # noqa: BLE001 - an exception's attributes are its author's, and may raise
        return type(cause).__name__


def unfit(policy: RetryPolicy) -> str | None:
    """What is wrong with a policy, as the end of a sentence; None if nothing is.

    Example:
        >>> unfit(RetryPolicy(jitter=2))
        'has a jitter that is not a number from 0 to 1: 0.25 spreads each wait over 75 to 125 % of itself'
    """
    attempts = policy.attempts
    if attempts is not None and not (_is_number(attempts, 1, 1_000_000) and isinstance(attempts, int)):
        return "has attempts that are not a whole number from 1: they count the first call too"
    waits = (policy.max_backoff_seconds, 0 if policy.backoff_seconds is None else policy.backoff_seconds)
    if not all(map(is_wait, waits)):
        return "has a backoff that is not a number of seconds: give 0 or more, at most a year"
    if not _is_number(policy.factor, 1, 1000):
        return "has a factor that is not a number from 1 to 1000: 1 waits equally long each time, 4 quadruples"
    if not _is_number(policy.jitter, 0, 1):
        return "has a jitter that is not a number from 0 to 1: 0.25 spreads each wait over 75 to 125 % of itself"
    if policy.max_age_seconds is not None and not is_wait(policy.max_age_seconds):
        return "has a max_age_seconds that is not a number of seconds: give 0 or more, at most a year"
    return None


def _is_number(value: object, least: float, most: float) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and least <= value <= most
