"""Drives one target: claims run requests and has them launched within limits, until it is cancelled.

Rung by `runbell_requests`; a slow read finds what no ring announced. A claim is fenced by its attempt, so of two
launchers only one ever reports a request. Cancelling ends the claiming; what has been claimed by then gets
`drain_seconds` to be launched.
"""

import heapq
import math

import anyio
import structlog
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskGroup, TaskStatus

from runbell.core.errors import StoreUnavailableError
from runbell.core.queue import QueuedRequest
from runbell.launchers.launching import Launching
from runbell.launchers.options import LaunchOptions
from runbell.launchers.reach import Reach
from runbell.launchers.targets import Target, TargetAwayError
from runbell.store.connections import Pool, connect_pool, given_as
from runbell.store.requests import claim_run_requests
from runbell.store.waking import wake_on_requests

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
# How often runs are counted while as many are in progress as may be.
COUNT_SECONDS = 1.0

log = structlog.get_logger()


class LaunchLoop:
    """The loop of one target.

    Example:
        loop = LaunchLoop(url, target, LaunchOptions(consumer="mine", targets=("mine",)))
        await task_group.start(loop.run)
    """

    def __init__(self, database_url: str, target: Target, options: LaunchOptions) -> None:
        self._database_url = database_url
        self._target = target
        self._options = options
        self._rung = anyio.Event()
        self._in_flight: set[anyio.CancelScope] = set()
        self._claiming = anyio.CancelScope()
        self._deadline = math.inf
        self._retries_at: list[float] = []
        self._backoff = 0.0
        self._full_until = 0.0
        self._reach = Reach(anyio.current_time)

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Claim and launch until cancelled. Started means: whatever is requested from here on wakes it.

        Raises:
            StoreUnavailableError: the database cannot be reached at the start. Later losses are waited out.
        """
        size = self._options.concurrent + 1
        pool = await connect_pool(self._database_url, role="launcher", size=size)
        try:
            async with anyio.create_task_group() as tasks:
                with given_as("RUNBELL_LISTEN_URL" if self._options.listen_url else None):
                    await tasks.start(wake_on_requests, self._options.listen_url or self._database_url, self._ring)
                task_status.started()
                try:
                    # Not in this task: when that is cancelled, a claim goes on, and is given its deadline at once.
                    tasks.start_soon(self._claim_all, pool, tasks)
                    await anyio.sleep_forever()
                finally:
                    self._end_within(self._options.drain_seconds)
        finally:
            pool.terminate()

    def _ring(self) -> None:
        self._rung.set()

    async def _claim_all(self, pool: Pool, tasks: TaskGroup) -> None:
        launching = Launching(pool, self._target, self._options, self._reach)
        while True:
            # Made before the read: a ring that comes during it is not lost.
            self._rung = anyio.Event()
            free = await self._room()
            claimed_at = anyio.current_time()
            claimed = await self._claim(pool, free) if free else []
            for request in claimed:
                # Entered here, not in the task: what has been claimed counts from this moment.
                scope = anyio.CancelScope(shield=True)
                self._in_flight.add(scope)
                tasks.start_soon(self._launch, launching, request, claimed_at, scope)
            if not free or len(claimed) < free:
                with anyio.move_on_after(self._until_next_read(free, claimed_at)):
                    await self._rung.wait()

    async def _room(self) -> int:
        """How many requests may be claimed now."""
        free, now = self._reach.room(self._options.concurrent, in_flight=len(self._in_flight)), anyio.current_time()
        most = self._options.max_in_progress
        if free <= 0 or most is None:
            return free
        if now < self._full_until:
            return 0
        try:
            # What is in flight may have been counted already: rather too few than too many.
            room = most - len(self._in_flight) - await self._target.in_progress()
        except TargetAwayError as error:
            log.warning("target_away", error=str(error), retry_in_seconds=self._reach.lost())
            return 0
        if room <= 0:
            self._full_until = now + COUNT_SECONDS
        return max(min(free, room), 0)

    async def _claim(self, pool: Pool, free: int) -> list[QueuedRequest]:
        """Those that were claimed. Whoever is told to stop still hears of them: they would be held for nobody."""
        options = self._options
        claimed: list[QueuedRequest] = []
        self._claiming = anyio.CancelScope(shield=True, deadline=self._deadline)
        try:
            with self._claiming:
                claimed = await claim_run_requests(
                    pool,
                    consumer=options.consumer,
                    max_requests=free,
                    hold_seconds=options.hold_seconds,
                    targets=options.targets,
                )
        except StoreUnavailableError as error:
            self._backoff = min(max(self._backoff * 2, FIRST_BACKOFF_SECONDS), LONGEST_BACKOFF_SECONDS)
            log.warning("claim_failed", error=str(error), retry_in_seconds=self._backoff)
            return []
        self._backoff = 0.0
        return claimed

    def _until_next_read(self, free: int, read_at: float) -> float:
        if not free and self._reach.away and not self._in_flight:
            return self._reach.wait()
        now = anyio.current_time()
        if not free and self._full_until > now:
            return self._full_until - now
        # Those that the read has seen, not those that became due while it ran.
        while self._retries_at and self._retries_at[0] <= read_at:
            heapq.heappop(self._retries_at)
        retry = max(self._retries_at[0] - now, 0.0) if self._retries_at else math.inf
        return min(self._backoff or self._options.poll_seconds, retry)

    async def _launch(
        self, launching: Launching, request: QueuedRequest, claimed_at: float, scope: anyio.CancelScope
    ) -> None:
        retry_in = None
        # The others wait for what this one finds out.
        probing = self._reach.away
        scope.deadline = self._deadline
        try:
            with scope:
                retry_in = await launching.launch(request, claimed_at)
        finally:
            full = probing or len(self._in_flight) >= self._options.concurrent
            self._in_flight.discard(scope)
        if scope.cancelled_caught:
            # Its claim runs out; another launcher, or this one after its next start, takes it then.
            log.warning("launch_abandoned", request_id=request.request_id, job_name=request.job_name)
        if retry_in is not None:
            heapq.heappush(self._retries_at, anyio.current_time() + retry_in)
        if full or retry_in is not None:
            self._ring()

    def _end_within(self, seconds: float) -> None:
        self._deadline = anyio.current_time() + seconds
        for scope in (self._claiming, *self._in_flight):
            scope.deadline = self._deadline
