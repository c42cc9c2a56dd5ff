"""The simulated orchestrator as a whole: its runs, the launcher of what is requested there, and its schedule."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions
from runbell.launchers.simulated.runs import simulated_runs
from runbell.launchers.simulated.schedule import start_on_schedule
from runbell.launchers.simulated.target import SimulatedTarget


@asynccontextmanager
async def simulated_orchestrator(database_url: str, options: LaunchOptions, *, scheduled: bool) -> AsyncIterator[None]:
    """Launches what is requested while the body runs; `scheduled`: it also starts runs by itself.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    async with simulated_runs(database_url) as runs, anyio.create_task_group() as tasks:
        await tasks.start(LaunchLoop(database_url, SimulatedTarget(runs), options).run)
        if scheduled:
            tasks.start_soon(start_on_schedule, runs)
        yield
        tasks.cancel_scope.cancel()
