"""What the loop asks of an orchestrator: start one run. And what it may say instead."""

from typing import Protocol

from runbell.core.errors import RunbellError
from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim


class Target(Protocol):
    """Starts runs in one orchestrator."""

    async def launch(self, request: QueuedRequest, claim: Claim) -> str:
        """Start the run that is asked for, with the tags `request.run_tags()`; gives its run id.

        Returns once the orchestrator has accepted the run, not when it ends. The same request may come again after a
        launcher died between starting the run and reporting it: where the orchestrator allows it, derive the run's id
        from `request_id`; else look for the run before starting another, and `await claim.confirm(...)` last of all.

        Raises:
            LaunchRefusedError: no try will ever succeed.
            NotReadyError: no run was started, and none of this job can be now.
            TargetAwayError: no run was started, and none can be now, of whatever job.
            OutcomeUnknownError: a run may have been started.
            ClaimLostError: from the claim.
            Exception: no run was started; the launch is tried again a few times.
        """
        ...

    async def in_progress(self) -> int:
        """How many runs that were launched for requests have not ended; asked only where that is limited.

        Raises:
            TargetAwayError: that cannot be said now.
        """
        ...


class LaunchRefusedError(RunbellError):
    """The orchestrator will never start this run, such as for a configuration that its job does not take."""


class NotReadyError(RunbellError):
    """The orchestrator lacks the code of this job for now: tried again for as long as that takes, others go on."""


class TargetAwayError(RunbellError):
    """The orchestrator cannot be reached: tried again for as long as that takes."""


class OutcomeUnknownError(RunbellError):
    """The orchestrator was asked and did not answer: a run may have been started, or may still be.

    Attributes:
        retry_in: seconds after which it can no longer be at work on it.
    """

    def __init__(self, message: str, retry_in: float) -> None:
        super().__init__(message)
        self.retry_in = retry_in
