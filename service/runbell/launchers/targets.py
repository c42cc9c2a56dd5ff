"""What the loop asks of an orchestrator: start one run."""

from typing import Protocol

from runbell.core.queue import QueuedRequest


class Target(Protocol):
    """Starts runs in one orchestrator."""

    async def launch(self, request: QueuedRequest) -> str:
        """Start the run that is asked for, with the tags `request.run_tags()`; gives its run id.

        Returns once the orchestrator has accepted the run, not when it ends. Any exception means that no run was
        started, and the launch is tried again. The same request may also come again after a launcher died between
        starting the run and reporting it: where the orchestrator allows it, derive the run's id from `request_id`.
        """
        ...
