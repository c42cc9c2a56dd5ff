"""When a failed evaluation is tried again, and when it is given up."""

from dataclasses import dataclass

# Errors of the author's code that another try rarely mends; given up after the third call, not after an afternoon.
MISTAKES = (TypeError, NameError, AttributeError, KeyError)
CALLS_OF_A_MISTAKE = 3
FACTOR = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often and when a failed evaluation is called again.

    Args:
        attempts: calls in all, the first included; None follows `RUNBELL_RETRY_ATTEMPTS`.
        backoff_seconds: the wait before the second call, quadrupling from there; None follows
            `RUNBELL_RETRY_BACKOFF_SECONDS`.
        max_backoff_seconds: the longest wait.

    Example:
        >>> RetryPolicy(attempts=3, backoff_seconds=0.5).attempts
        3
    """

    attempts: int | None = None
    backoff_seconds: float | None = None
    max_backoff_seconds: float = 3600.0

    def wait(self, attempts: int, default_backoff: float, jitter: float) -> float:
        """Seconds until the next call after `attempts` calls. `jitter` in 0..1 spreads them over 75 to 125 %."""
        first = self.backoff_seconds if self.backoff_seconds is not None else default_backoff
        # The exponent is bounded: 4 ** 500 seconds would overflow a float long before anybody waits for it.
        wait: float = first * FACTOR ** min(attempts - 1, 30)
        return min(wait * (0.75 + 0.5 * jitter), self.max_backoff_seconds)

    def gives_up(self, attempts: int, default_attempts: int, *, mistake: bool) -> bool:
        """Is the evaluation dead after this many calls?"""
        allowed = self.attempts if self.attempts is not None else default_attempts
        return attempts >= (min(allowed, CALLS_OF_A_MISTAKE) if mistake else allowed)
