"""How a launcher works: limits, holds, and when a failed launch is tried again."""

from dataclasses import dataclass

FACTOR = 4
LONGEST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """The settings of one launcher.

    Attributes:
        consumer: its name in the queue, a label only.
        targets: requests for these are claimed; None claims all.
        concurrent: launches at once, and so the requests that it holds at once.
        max_in_progress: runs that were launched and have not ended, at most; None: no limit.
        hold_seconds: how long a claim outlives a launcher that died; renewed at half of it.
        attempts: claims of one request before it has failed for good.
        backoff_seconds: the wait after the first failed launch, quadrupling.
        poll_seconds: how often the queue is read when nothing rings.
        drain_seconds: what launches in flight are given to end when the launcher is stopped.
        listen_url: where to listen, if the other URL leads through a pooler.
    """

    consumer: str
    targets: tuple[str, ...] | None
    concurrent: int = 8
    max_in_progress: int | None = None
    hold_seconds: float = 60.0
    attempts: int = 5
    backoff_seconds: float = 1.0
    poll_seconds: float = 10.0
    drain_seconds: float = 5.0
    listen_url: str | None = None

    def retry_in(self, attempts: int) -> float | None:
        """Seconds until the next try after this many claims; None: it has failed for good.

        Example:
            >>> [LaunchOptions(consumer="c", targets=None, attempts=3).retry_in(n) for n in (1, 2, 3)]
            [1.0, 4.0, None]
        """
        if attempts >= self.attempts:
            return None
        # The exponent is bounded: a float overflows long before anybody waits for 4 ** 500 seconds.
        return float(min(self.backoff_seconds * FACTOR ** min(attempts - 1, 30), LONGEST_RETRY_SECONDS))
