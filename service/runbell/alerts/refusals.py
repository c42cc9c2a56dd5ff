"""What a channel says in place of taking an alert."""

from runbell.core.errors import RunbellError
from runbell.core.retrying import Retry

LONGEST_SECONDS = 3600.0


class NotifyError(RunbellError):
    """A channel did not take a message; says why, without anything secret."""


class Later(Retry):
    """As a Retry, but never sooner than the sensor's retries say.

    A channel that says "in a second" ten times would use up all calls within an outage that they are to outlast.
    """

    at_least = True


def later(retry_after: object, reason: str) -> Later:
    """Another try is asked for: not before as many seconds as the channel says, nor before the sensor's retries say.

    Example:
        >>> later("30", "rate limited").after, later("Fri, 31 Dec 2027 23:59:59 GMT", "rate limited").after
        (30.0, None)
    """
    said = str(retry_after).strip()
    return Later(after=min(float(said), LONGEST_SECONDS) if said.isdecimal() else None, reason=reason)
