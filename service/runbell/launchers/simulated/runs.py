"""Lets simulated runs happen: each is a task that records one status after the other."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import structlog
from anyio.abc import TaskGroup

from runbell.core.errors import StoreUnavailableError
from runbell.launchers.simulated.jobs import SimulatedJob, job_named
from runbell.store.connections import Pool, connect_pool
from runbell.store.recording import StatusChange, record_run_status, record_step_failure

# Between two statuses of which nothing comes but the next one.
PAUSE_SECONDS = 0.1

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRun:
    """One run that is to happen; `run_config` is JSON text."""

    run_id: str
    job_name: str
    source: str
    tags: Mapping[str, str]
    partition_key: str | None = None
    run_config: str = "{}"


class SimulatedRuns:
    """The runs under way; made by `simulated_runs`."""

    def __init__(self, pool: Pool, tasks: TaskGroup) -> None:
        self._pool = pool
        self._tasks = tasks
        self._counts: Counter[str] = Counter()
        self.in_progress = 0

    async def start(self, run: SimulatedRun) -> None:
        """Accept a run: it is queued when this returns, and goes on by itself.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        job = job_named(run.job_name)
        self._counts[job.name] += 1
        fails = job.fails(self._counts[job.name])
        await self._record(run, job, "QUEUED")
        self._tasks.start_soon(self._go_on, run, job, fails)

    async def _go_on(self, run: SimulatedRun, job: SimulatedJob, fails: bool) -> None:  # noqa: FBT001 - tasks take none by name
        self.in_progress += 1
        try:
            for status, seconds in (("STARTING", PAUSE_SECONDS), ("STARTED", PAUSE_SECONDS)):
                await anyio.sleep(seconds)
                await self._record(run, job, status)
            await anyio.sleep(job.seconds)
            await (self._fail(run, job) if fails else self._record(run, job, "SUCCESS"))
        except StoreUnavailableError as error:
            log.warning("simulated_run_lost", run_id=run.run_id, job_name=job.name, error=str(error))
        finally:
            self.in_progress -= 1

    async def _fail(self, run: SimulatedRun, job: SimulatedJob) -> None:
        error = job.step_error()
        await record_step_failure(self._pool, source=run.source, run_id=run.run_id, step_key=job.steps[-1], error=error)
        await self._record(run, job, "FAILURE", message=job.failure_message())

    async def _record(self, run: SimulatedRun, job: SimulatedJob, status: str, *, message: str | None = None) -> None:
        change = StatusChange(
            source=run.source,
            run_id=run.run_id,
            job_name=job.name,
            status=status,
            code_location=job.code_location,
            partition_key=run.partition_key,
            tags=run.tags,
            run_config=run.run_config,
            message=message,
        )
        await record_run_status(self._pool, change)
        log.debug("simulated_run_changed", run_id=run.run_id, job_name=job.name, status=status)


@asynccontextmanager
async def simulated_runs(database_url: str) -> AsyncIterator[SimulatedRuns]:
    """Runs happen while the body runs; those under way at its end stay as they are then.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    pool = await connect_pool(database_url, role="simulation", size=4)
    try:
        async with anyio.create_task_group() as tasks:
            yield SimulatedRuns(pool, tasks)
            tasks.cancel_scope.cancel()
    finally:
        pool.terminate()
