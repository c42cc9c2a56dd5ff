"""Keeps worker processes: the functions of sensors run in them only, and one that is blocked is relieved at once (I4).

The supervisor runs nobody's code but its own and waits for no database, so it can always act. While functions run it
looks ten times a second at the heart of each worker, in memory that they share; a worker where nothing ran rings when
something begins. A heart that stands still while a function runs is that function's doing: the process is ended, a warm
stand-by takes its place, and the sensor is evaluated apart from then on.
"""

import time
from dataclasses import dataclass, field

import anyio
import structlog
from anyio.abc import TaskGroup

from runbell.core.heartbeats import BLOCKED_SECONDS, LOOK_SECONDS, SLOW_LOOK_SECONDS
from runbell.core.relief import Condition, must_end, should_drain
from runbell.engine import processes
from runbell.engine.channel import (
    Count,
    Counted,
    Drained,
    Failed,
    FoundApart,
    Message,
    Promoted,
    Readiness,
    Ready,
    RelieveMe,
    Stop,
)
from runbell.engine.fleet import Fleet
from runbell.engine.listeners import Listeners
from runbell.engine.lookout import Lookout
from runbell.engine.relief import Relief, names_of
from runbell.engine.rolling import Rolling
from runbell.engine.workers import Launch, Worker

log = structlog.get_logger()
# A worker that has not begun after so long hangs.
START_SECONDS = 120.0
# After the grace period, before what has not ended is ended from outside.
LAST_SECONDS = 0.7
# Whoever reads the log has not done so for this long: that may be what workers wait for.
STUCK_SECONDS = 0.05
# How often sensors that are apart are looked after.
CARE_SECONDS = 5.0
COUNT_SECONDS = 0.3


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """`await supervisor.run()`.

    Attributes:
        active: workers that share the sensors.
        standbys: warm workers that wait to take a place.
        memory_mb: a worker that grows beyond is replaced.
        failed: why the first worker could not begin.
        forced: something had to be ended from outside while stopping.
    """

    launch: Launch
    active: int = 1
    standbys: int = 1
    memory_mb: float | None = None
    listeners: Listeners = field(default_factory=Listeners)
    failed: Failed | None = None
    forced: bool = False
    _started: bool = False
    _stop: anyio.Event = field(default_factory=anyio.Event)
    _awaited: set[Worker] = field(default_factory=set)
    _counted: anyio.Event = field(default_factory=anyio.Event)
    _care_at: float = 0.0
    _planned: float = LOOK_SECONDS
    _fleet: Fleet = field(init=False)
    _relief: Relief = field(init=False)
    _rolling: Rolling = field(init=False)
    _lookout: Lookout = field(init=False)
    _tasks: TaskGroup = field(init=False)

    @property
    def ready(self) -> bool:
        """Are all the sensors in the hands of workers that have their connections?"""
        actives = self._fleet.of("active") if self._started else []
        return len(actives) >= self.active and all(worker.serving for worker in actives)

    async def run(self, grace_seconds: float) -> None:
        """Supervise until told to stop, then have everybody drain. Ends by itself when no worker can begin."""
        async with anyio.create_task_group() as self._tasks:
            self._fleet = Fleet(
                self._tasks, self.launch, self._attend, overdue=self._end_overdue, standbys=self.standbys
            )
            self._relief = Relief(self._fleet)
            self._rolling = Rolling(self._fleet, self.active, self.listeners.reloaded)
            self._lookout = Lookout(self._look_at_all)
            try:
                for _ in range(self.active):
                    self._fleet.start("active")
                # Beside the first, while the cores are free: later it would take from what catches up.
                self._fleet.keep_standbys()
                self._tasks.start_soon(self._lookout.run)
                await self._stop.wait()
                await self._close(grace_seconds)
            finally:
                self._fleet.closing = True
                with anyio.CancelScope(shield=True):
                    for worker in list(self._fleet.workers):
                        await worker.kill()
            self._tasks.cancel_scope.cancel()

    def stop(self) -> None:
        """Everybody drains and ends."""
        self._stop.set()

    def reload(self) -> None:
        """Load the sensors anew, in new workers; the old ones go on if that fails."""
        if self._started:
            self._rolling.begin()

    async def count(self) -> None:
        """Have the workers say what they have counted; those that do not answer at once are not waited for."""
        asked = [worker for worker in self._fleet.workers if worker.ready] if self._started else []
        self._awaited.update(asked)
        for worker in asked:
            worker.channel.send(Count())
        with anyio.move_on_after(COUNT_SECONDS):
            while self._awaited.intersection(asked):
                await self._counted.wait()

    async def _close(self, grace_seconds: float) -> None:
        fleet = self._fleet
        fleet.closing = True
        for worker in list(fleet.workers):
            worker.leaving = True
            if worker.ready is None and worker.role in {"standby", "arriving"}:
                # It holds nothing, and may not even listen yet. An active one may have taken leases just now.
                await worker.kill()
            worker.channel.send(Stop(grace_seconds))
        with anyio.move_on_after(grace_seconds + LAST_SECONDS):
            for worker in list(fleet.workers):
                await worker.gone.wait()
        self.forced = any(not worker.drained for worker in fleet.workers)

    def _look_at_all(self, now: float) -> float:
        """Look at each worker, and say when to look again: soon while a function runs, or something stands still."""
        most, self._planned = self._planned + LOOK_SECONDS, LOOK_SECONDS
        excused = self.launch.relay.stuck_seconds() > STUCK_SECONDS
        for worker in list(self._fleet.workers):
            self._look(worker, now, most, excused=excused)
        if now >= self._care_at and not self._fleet.closing:
            self._care_at = now + CARE_SECONDS
            self._care()
        if all(worker.watch.calm for worker in self._fleet.workers if worker.ready):
            self._planned = SLOW_LOOK_SECONDS
        return self._planned

    def _care(self) -> None:
        for worker in self._fleet.of("apart"):
            worker.channel.send(Count())
        self._fleet.bring_back()

    def _look(self, worker: Worker, now: float, most: float, *, excused: bool) -> None:
        if worker.process.poll() is not None:
            # Also when some child of its own keeps the channel open.
            worker.channel.close()
        elif worker.leaving or self._fleet.closing:
            return
        elif worker.ready is not None:
            worker.look(now, most)
            if excused:
                worker.watch.forget()
            self._act_on(worker, self._condition(worker))
        elif now - worker.born_at > START_SECONDS:
            self._end(worker, "not started")

    def _act_on(self, worker: Worker, found: Condition) -> None:
        if worker.role == "apart" and found.functions and found.still_seconds >= BLOCKED_SECONDS:
            for name in names_of(worker, worker.running()):
                self._fleet.isolation.offended(name, time.monotonic())
        reason = must_end(found)
        if reason:
            self._end(worker, reason)
        elif should_drain(found):
            self._relief.relieve(worker, f"{found.memory_mb:.0f} MB", [])

    def _condition(self, worker: Worker) -> Condition:
        still = worker.watch.still_seconds
        # Only then does it matter who runs. Who has begun since the heart was looked at has not held up anything yet.
        running = worker.running() if still >= BLOCKED_SECONDS and not worker.watch.slow else []
        allowed = None
        if worker.role == "apart" and worker.ready:
            allowed = max((worker.ready.timeouts[one.index] for one in running if worker.name_of(one)), default=None)
        return Condition(
            still_seconds=still,
            frozen=still >= BLOCKED_SECONDS and processes.is_frozen(worker.pid),
            functions=bool(running),
            allowed_seconds=allowed,
            memory_mb=processes.resident_mb(worker.pid) if self.memory_mb else 0.0,
            limit_mb=self.memory_mb,
        )

    def _end(self, worker: Worker, reason: str) -> None:
        worker.leaving = True
        self._tasks.start_soon(self._relief.end, worker, reason)

    async def _end_overdue(self, worker: Worker) -> None:
        await self._relief.end_overdue(worker)

    async def _attend(self, worker: Worker) -> None:
        """Hear what a worker says, until it has ended."""
        worker.on_ring(self._lookout.ring)
        async for message in worker.channel.messages():
            self._hear(worker, message)
        await worker.wait_ended(LAST_SECONDS)
        await worker.kill()
        self._fleet.workers.remove(worker)
        worker.gone.set()
        self._heard_from(worker)
        self.listeners.ended(worker.number)
        self._departed(worker)
        worker.close()

    def _departed(self, worker: Worker) -> None:
        if self._fleet.closing:
            return
        if worker.role == "arriving":
            self._rolling.failed(worker)
        elif worker.leaving:
            if worker.drained and worker.role == "apart":
                self._fleet.resume_apart(worker)
        elif not self._started:
            if worker.role == "standby":
                # Another is started with the daemon; what keeps all from beginning is the active one's to say.
                return
            how = f"runbell: the first worker process ended while it started ({worker.ended_how()})"
            self.failed = worker.failed or Failed(1, how)
            self._stop.set()
        else:
            self._relief.mourn(worker)

    def _hear(self, worker: Worker, message: Message) -> None:  # noqa: C901 - one line a kind of message
        match message:
            case Ready():
                self._begun(worker, message)
            case Failed():
                worker.failed = message
            case Readiness(ready=ready):
                worker.serving = ready
            case Counted():
                self._take_counts(worker, message)
            case RelieveMe(reason=reason, sensors=sensors):
                self._relief.relieve(worker, reason, sensors)
            case FoundApart(sensors=sensors):
                for name in sensors:
                    self._fleet.host(name)
            case Promoted():
                log.info("worker_promoted", worker=worker.number)
            case Drained():
                worker.drained = True

    def _begun(self, worker: Worker, ready: Ready) -> None:
        worker.ready = ready
        worker.serving = True
        if worker.role == "arriving":
            self._rolling.begun(worker)
        self._fleet.promote()
        actives = self._fleet.of("active")
        if not self._started and len(actives) == self.active and all(one.ready for one in actives):
            self._started = True
            self._rolling.known = ready
            self.listeners.started(ready)
        if self._started:
            self._fleet.keep_standbys()

    def _heard_from(self, worker: Worker) -> None:
        self._awaited.discard(worker)
        self._counted.set()
        self._counted = anyio.Event()

    def _take_counts(self, worker: Worker, counted: Counted) -> None:
        self._heard_from(worker)
        before = worker.counted.evaluations if worker.counted else {}
        worker.counted = counted
        self.listeners.counted(worker.number, counted.counts)
        if worker.role == "apart":
            for name in worker.only:
                self._fleet.isolation.evaluated(name, counted.evaluations.get(name, 0) - before.get(name, 0))
