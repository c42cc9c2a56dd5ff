"""Is a failure the last one, or does the orchestrator retry the run? Dagster says so a moment after the failure."""

from dataclasses import dataclass

from runbell.core.events import RunEvent
from runbell.core.narrowing import tags_of

RETRY_TAG = "dagster/will_retry"
RETRIED = f"the run is retried (tag {RETRY_TAG})"
# Dagster writes the tag within 0.2 to 0.3 seconds. Without it after so long, nobody retries.
PATIENCE_SECONDS = 5.0
SHORTEST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class RetrySign:
    """What is known of a failed run.

    Attributes:
        tag: the value of `dagster/will_retry`, or None.
        may_come: there is none yet, and the orchestrator may still write it.
        age_seconds: since the failure.
    """

    tag: str | None
    may_come: bool = False
    age_seconds: float = 0.0

    @property
    def retried(self) -> bool:
        """Does the orchestrator say that it will retry the run?"""
        return (self.tag or "").lower() == "true"

    def pause(self, waited: float = 0.0) -> float | None:
        """Seconds until the next look, having waited for so many already; None: what is known is all there will be.

        Example:
            >>> RetrySign(None, may_come=True, age_seconds=1.5).pause(), RetrySign("false").pause()
            (0.5, None)
        """
        age = max(self.age_seconds, waited)
        if self.tag is not None or not self.may_come or age >= PATIENCE_SECONDS:
            return None
        return min(max(SHORTEST_PAUSE_SECONDS, age / 3), PATIENCE_SECONDS - age)


def sign_of(event: RunEvent) -> RetrySign:
    """What the event itself says.

    Example:
        >>> from runbell.testing import made_up_event
        >>> sign_of(made_up_event(status="FAILURE", tags={"dagster/will_retry": "true"})).retried
        True
    """
    return RetrySign(tags_of(event).get(RETRY_TAG))
