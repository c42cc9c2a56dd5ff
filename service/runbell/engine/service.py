"""One term of the daemon: all its services in one task group, from taking the leases to draining."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import anyio
from anyio.abc import TaskGroup

from runbell.core.muting import remembering
from runbell.core.pacing import WINDOW_SECONDS
from runbell.core.progress import LINGER_SECONDS, Evaluation, Progress
from runbell.core.routing import Subscription
from runbell.core.sensors import Sensor
from runbell.core.shadowing import SHADOWED
from runbell.engine.backlog import Backlog
from runbell.engine.committer import Committer
from runbell.engine.deadlines import Deadlines
from runbell.engine.deployment import Deployment
from runbell.engine.evaluator import Evaluator, StoreLookups
from runbell.engine.handover import Handover
from runbell.engine.lanes import Lane
from runbell.engine.listener import Listener
from runbell.engine.membership import Membership
from runbell.engine.muting import DELIVERIES, StoredMemory
from runbell.engine.pace import Pace
from runbell.engine.reconciler import Reconciler
from runbell.engine.reporting import Reporter
from runbell.engine.retention import Sweeper
from runbell.engine.retries import Retries
from runbell.engine.sessions import Sessions
from runbell.engine.stalls import StallWatch
from runbell.engine.tail import Tail
from runbell.engine.tenure import Tenure
from runbell.engine.term import Held, Term
from runbell.engine.watcher import Watcher
from runbell.store.bell import Sleep
from runbell.store.connections import Pool
from runbell.store.daemons import forget_daemon
from runbell.store.sensors import SensorRow
from runbell.store.ticks import read_recent_ticks

# How long a place may lag behind what was read, while nothing matches.
LAZY_PLACES_SECONDS = 30.0


class Service:
    """Everything that lives for one term. Any lost session ends it; the daemon then begins another."""

    def __init__(
        self,
        deployment: Deployment,
        membership: Membership,
        sessions: Sessions,
        listener: Listener,
        sleep: Sleep | None,
        watcher: Watcher | None,
        reporter: Reporter,
        sweeper: Sweeper,
    ) -> None:
        self._deployment = deployment
        self._membership = membership
        self._sessions = sessions
        self._pool = pool = sessions.pool
        self._listener = listener
        self._sleep = sleep
        self._reporter = reporter
        self._sweeper = sweeper
        self._term = Term()
        self._evaluator = _evaluator(deployment, pool)
        self._retries = Retries(pool, self._term)
        self._committer = Committer(sessions.settling, self._term, reporter, self._retries, self._doubt)
        self._handover = Handover(pool, self._term, self._committer, deployment.identity)
        self._watcher = watcher
        self._tenure = Tenure(
            listener,
            pool,
            deployment,
            membership,
            self._term,
            adopt=self._adopt,
            handover=self._handover,
            watcher=self._watcher,
        )
        self._tail = Tail(sessions.reading, sleep, listener, self._catch_up, self._term.crowd, reporter.measures)

    async def run(
        self, stopping: anyio.Event, on_ready: Callable[[], None], grace_seconds: Callable[[], float]
    ) -> None:
        """Serve until `stopping` is set, then drain for so many seconds at most.

        Raises:
            ExceptionGroup: of StoreUnavailableError, when the database was lost.
        """
        with remembering(StoredMemory(self._pool, DELIVERIES)):
            await self._serve(stopping, on_ready, grace_seconds)

    async def _serve(
        self, stopping: anyio.Event, on_ready: Callable[[], None], grace_seconds: Callable[[], float]
    ) -> None:
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self._listener.watch)
            if self._sleep is not None:
                self._tasks.start_soon(self._sleep.watch)
            async with anyio.create_task_group() as readers:
                await self._begin(readers)
                on_ready()
                await stopping.wait()
                readers.cancel_scope.cancel()
            await self._drain(grace_seconds())
            self._tasks.cancel_scope.cancel()

    @property
    def vitals(self) -> dict[str, float]:
        """How it is now: leases held, connections of the pool in use and idle."""
        idle = self._pool.get_idle_size()
        return {"leases": len(self._term.leases), "pool_used": self._pool.get_size() - idle, "pool_idle": idle}

    def _doubt(self, sensor_name: str) -> None:
        self._tenure.look(sensor_name)

    async def _begin(self, readers: TaskGroup) -> None:
        """Take the leases and start everything; nothing committed from here on is missed."""
        self._backlog = Backlog(readers, self._pool, self._committer, self._tail.join, self._reporter.measures)
        self._term.on_drop = self._tail.leave
        await self._tenure.begin()
        for task in (self._committer.run, self._reporter.run, self._write_lazy_places):
            self._tasks.start_soon(task)
        self._tasks.start_soon(self._tenure.run, self._retries)
        self._tasks.start_soon(StallWatch(self._sessions.another, self._term).run)
        if self._watcher is not None:
            self._tasks.start_soon(self._watcher.run)
        readers.start_soon(self._tail.run)
        readers.start_soon(self._retries.run)
        readers.start_soon(Reconciler(self._pool, self._membership).run)
        readers.start_soon(self._sweeper.run)

    async def _drain(self, grace_seconds: float) -> None:
        """Begin nothing more, settle what finishes within the grace period, give up the leases (I10).

        Each sensor is let go of as soon as it is quiet: who waits for the slowest does not hold up the others.
        """
        await self._tenure.leave()
        if self._tail.passed_rows:
            await self._committer.move_idle()
        await self._handover.give_up(self._term.leases, grace_seconds)
        for held in self._term.held.values():
            held.lane.close()
        # Whatever still waited for earlier ones, which will not come now, has waited long enough after this.
        if self._term.held:
            await anyio.sleep(LINGER_SECONDS)
        while await self._committer.commit():
            pass
        await self._handover.release(self._term.leases)
        await forget_daemon(self._pool, [self._deployment.identity.daemon_id])
        self._reporter.flush(float("inf"))

    async def _adopt(self, rows: Sequence[SensorRow]) -> None:
        """Sensors whose leases were just taken: call what was left, then read on from their places."""
        paces = await self._paces([row.sensor_name for row in rows if row.active])
        members = [self._seat(row, paces.get(row.sensor_name)) for row in rows if row.active and row.place is not None]
        self._term.stopped.update({row.sensor_name: row.lease_epoch for row in rows if not row.active})
        self._term.held.update({held.sensor_name: held for held in members})
        await self._retries.adopt(members)
        self._tail.join(held for held in members if held.progress.ahead.upper is None)
        self._backlog.start(held for held in members if held.progress.ahead.upper is not None)

    def _catch_up(self, members: Iterable[Held]) -> None:
        # The tail is there before the backlog, which belongs to what runs.
        self._backlog.start(members)

    async def _paces(self, names: Sequence[str]) -> dict[str, Pace]:
        """Of those that may begin only so many a minute; what others have begun and settled in it counts."""
        sensors = self._deployment.sensors
        limits = {name: limit for name in names if (limit := sensors[name].max_per_minute) is not None}
        ages = await read_recent_ticks(self._pool, limits, WINDOW_SECONDS) if limits else {}
        return {name: Pace(limit, ages[name]) for name, limit in limits.items()}

    def _seat(self, row: SensorRow, pace: Pace | None) -> Held:
        assert row.place is not None  # noqa: S101 - the caller asked
        sensor = self._deployment.sensors[row.sensor_name]
        progress = Progress(row.sensor_name, row.lease_epoch, row.place, row.place, crowd=self._term.crowd)
        subscription = Subscription(
            self._deployment.offered[row.sensor_name].filter, row.former_filter, row.filter_since
        )
        shadowed = self._deployment.shadow and not row.started
        evaluate = partial(self._shadow, progress) if shadowed else partial(self._evaluate, sensor, progress)
        lane = Lane(self._tasks, sensor.max_concurrent, evaluate, pace)
        return Held(row.sensor_name, subscription, progress, lane, shadowed=shadowed)

    async def _shadow(self, progress: Progress, evaluation: Evaluation) -> None:
        evaluation.finished_at = time.monotonic()
        evaluation.conclusion = SHADOWED
        self._committer.finished(progress, evaluation)
        await self._evaluator.take_turn()

    async def _evaluate(self, sensor: Sensor, progress: Progress, evaluation: Evaluation) -> None:
        await self._evaluator.evaluate(sensor, progress.sensor_name, evaluation)
        self._committer.finished(progress, evaluation)
        await self._evaluator.take_turn()

    async def _write_lazy_places(self) -> None:
        while True:
            await anyio.sleep(LAZY_PLACES_SECONDS)
            if self._tail.passed_rows:
                self._tail.passed_rows = False
                if not await self._committer.move_idle():
                    # Next time, though nothing else should come by.
                    self._tail.passed_rows = True


def _evaluator(deployment: Deployment, pool: Pool) -> Evaluator:
    deadlines = Deadlines(deployment.limits.timeout_seconds)
    return Evaluator(
        deployment.limits, StoreLookups(pool), deadlines, deployment.calls, deployment.verdicts, deployment.run_url
    )
