"""The simulated orchestrator as a target: what sensors request there becomes a simulated run."""

from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim
from runbell.launchers.simulated.runs import SimulatedRun, SimulatedRuns


class SimulatedTarget:
    """Starts requested runs among the simulated ones."""

    def __init__(self, runs: SimulatedRuns) -> None:
        self._runs = runs

    async def launch(self, request: QueuedRequest, _claim: Claim) -> str:
        """Queue the run; its id follows from the request's, so that a repeated launch is the same run."""
        run_id = f"requested-{request.request_id}"
        await self._runs.start(
            SimulatedRun(
                run_id=run_id,
                job_name=request.job_name,
                # Where the request was addressed to: there the run is known as Runbell's own.
                source=request.target,
                tags=request.run_tags(),
                partition_key=request.partition_key,
                run_config=request.run_config,
            )
        )
        return run_id

    async def in_progress(self) -> int:
        """How many simulated runs, of whatever origin, have not ended."""
        return self._runs.in_progress
