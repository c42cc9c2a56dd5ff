"""How often the launch of each request has failed. Its attempts count claims, also those that an outage cut short."""

from collections import Counter

from runbell.launchers.options import LaunchOptions

# Of so many requests it is remembered at most; after that their tries count anew.
MOST_REQUESTS = 10_000
LONGEST_WAIT_SECONDS = 30.0


class Tries:
    """What one launcher remembers of the requests that it could not launch.

    Example:
        >>> tries = Tries(LaunchOptions(consumer="c", targets=None, attempts=2))
        >>> tries.not_ready(7), tries.not_ready(7), tries.failed(7), tries.failed(7)
        (1.0, 2.0, 1.0, None)
    """

    def __init__(self, options: LaunchOptions) -> None:
        self._options = options
        self._failed: Counter[int] = Counter()
        self._not_ready: Counter[int] = Counter()

    def failed(self, request_id: int) -> float | None:
        """One more try failed: seconds until the next, None when that was the last."""
        retry_in = self._options.retry_in(_counted(self._failed, request_id))
        if retry_in is None:
            self.ended(request_id)
        return retry_in

    def not_ready(self, request_id: int) -> float:
        """It could not be tried: seconds until the next look."""
        doublings = min(_counted(self._not_ready, request_id) - 1, 30)
        return min(self._options.backoff_seconds * 2.0**doublings, LONGEST_WAIT_SECONDS)

    def ended(self, request_id: int) -> None:
        """It was launched, or has failed for good."""
        self._failed.pop(request_id, None)
        self._not_ready.pop(request_id, None)


def _counted(counter: Counter[int], request_id: int) -> int:
    if len(counter) >= MOST_REQUESTS:
        counter.clear()
    counter[request_id] += 1
    return counter[request_id]
