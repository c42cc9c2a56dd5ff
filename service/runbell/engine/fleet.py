"""The worker processes: which there are, who replaces whom, and which sensors are evaluated apart."""

import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import anyio
import structlog
from anyio.abc import TaskGroup

from runbell.core.crashes import Crashes
from runbell.core.isolation import Isolation, place_offender
from runbell.engine.channel import Begin, Promote, Role, SetApart, Stop
from runbell.engine.workers import Key, Launch, Worker

Attend: TypeAlias = Callable[[Worker], Coroutine[Any, Any, None]]
log = structlog.get_logger()
# A worker that works and is replaced may take so long to finish what it has begun.
DRAIN_SECONDS = 5.0
# And so much longer to end; a thread that never returns keeps it from that.
END_SECONDS = 1.0


@dataclass(slots=True)
class Owed:
    """What the next active worker must be told."""

    active: int = 0
    dead: set[UUID] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)
    verdicts: dict[Key, str] = field(default_factory=dict)


class Fleet:
    """The workers of one supervisor."""

    def __init__(self, tasks: TaskGroup, launch: Launch, attend: Attend, *, overdue: Attend, standbys: int) -> None:
        self._tasks = tasks
        self._launch = launch
        self._attend = attend
        self._overdue = overdue
        self._standbys = standbys
        self._numbers = 0
        self._starting = 0
        self._arriving: list[frozenset[str]] = []
        self._owed = Owed()
        self._crashes = Crashes()
        self.isolation = Isolation()
        self.workers: list[Worker] = []
        self.closing = False

    def of(self, role: Role) -> list[Worker]:
        """Those with this role that are to stay."""
        return [worker for worker in self.workers if worker.role == role and not worker.leaving]

    def start(
        self, role: Role, *, only: Iterable[str] = (), verdicts: Mapping[Key, str] | None = None, wait: float = 0.0
    ) -> None:
        """Start one more worker, after so many seconds."""
        self._starting += role == "standby"
        if role == "apart":
            self._arriving.append(frozenset(only))
        self._tasks.start_soon(self._start, role, frozenset(only), dict(verdicts or {}), wait)

    async def _start(self, role: Role, only: frozenset[str], verdicts: Mapping[Key, str], wait: float) -> None:
        await anyio.sleep(wait)
        if self.closing:
            return
        self._numbers += 1
        told: Role = "standby" if role == "arriving" else role
        begin = Begin(self._launch.settings, told, sorted(only), list(verdicts.items()), self._launch.colors)
        worker = await Worker.start(self._launch, begin, self._numbers)
        worker.role = role
        self._starting -= role == "standby"
        if role == "apart":
            self._arriving.remove(only)
        self.workers.append(worker)
        self._tasks.start_soon(self._attend, worker)

    def keep_standbys(self, wait: float = 0.0) -> None:
        """Start stand-bys until there are as many as there should be, and as actives are missing."""
        for _ in range(self._standbys + self._owed.active - len(self.of("standby")) - self._starting):
            self.start("standby", wait=wait)

    def wait_after_end(self) -> float:
        """A worker has ended without having been told to: for so long no other is started in its place."""
        return self._crashes.ended(time.monotonic())

    def blamed(self, names: Iterable[str]) -> list[str]:
        """Those of the sensors that ran when a worker ended for which that is no accident."""
        return self._crashes.blamed(names, time.monotonic())

    def isolate(self, names: Iterable[str], verdicts: Mapping[Key, str]) -> None:
        """Evaluate these sensors apart from now on."""
        for name in names:
            mine = {key: text for key, text in verdicts.items() if key[0] == name}
            new = name not in self.isolation.apart
            self.isolation.offended(name, time.monotonic())
            if new:
                log.warning("sensor_isolated", sensor=name)
            self.host(name, mine)

    def host(self, name: str, verdicts: Mapping[Key, str] | None = None) -> None:
        """See to it that some process apart evaluates this sensor."""
        if name not in self.isolation.apart:
            self.isolation.offended(name, time.monotonic())
        hosts = [worker for worker in self.workers if worker.role == "apart" and worker.only]
        if any(name in only for only in (*self._arriving, *(worker.only for worker in hosts))):
            return
        place = place_offender([*(worker.only for worker in hosts), *self._arriving])
        if place is None or place >= len(hosts):
            self.start("apart", only={name}, verdicts=verdicts)
            return
        host = hosts[place]
        host.only |= {name}
        host.verdicts.update(verdicts or {})
        # Whoever comes after it holds one more.
        if not host.leaving:
            self.dismiss(host, DRAIN_SECONDS)

    def succeed(self, worker: Worker, *, dead: bool, blamed: Collection[str], wait: float = 0.0) -> None:
        """Another worker takes this one's place; `dead`: it cannot do anything any more."""
        self._owed.active += worker.role == "active"
        self.keep_standbys(wait)
        if worker.role == "apart" and dead:
            self.resume_apart(worker, wait)
        self.bury(worker, dead=dead, blamed=blamed)

    def bury(self, worker: Worker, *, dead: bool, blamed: Collection[str]) -> None:
        """Have the others know of this worker's end and of what was running then."""
        if dead:
            self._owed.dead.update(worker.daemon_ids)
        apart = self.isolation.apart | set(blamed)
        self._owed.apart.update(blamed)
        self._owed.verdicts.update({key: text for key, text in worker.verdicts.items() if key[0] not in apart})
        self.promote()
        self.isolate(blamed, worker.verdicts)

    def resume_apart(self, worker: Worker, wait: float = 0.0) -> None:
        """Start a process for the sensors that this one, which has ended, was there for."""
        if worker.only and not self.closing:
            self.start("apart", only=worker.only, verdicts=worker.verdicts, wait=wait)

    def promote(self) -> None:
        """Pay what is owed, if somebody can."""
        owed = self._owed
        while owed.active and (ready := [worker for worker in self.of("standby") if worker.ready]):
            owed.active -= 1
            ready[0].role = "active"
            self._tell(ready[0], owed)
        actives = [worker for worker in self.of("active") if worker.ready]
        if actives and (owed.apart or owed.dead or owed.verdicts):
            self._tell(actives[0], owed)

    def _tell(self, worker: Worker, owed: Owed) -> None:
        worker.channel.send(Promote(sorted(owed.dead), sorted(owed.apart), list(owed.verdicts.items())))
        owed.dead, owed.apart, owed.verdicts = set(), set(), {}

    def bring_back(self) -> None:
        """Sensors that have behaved are evaluated with the others again."""
        actives = [worker for worker in self.of("active") if worker.ready]
        for name in self.isolation.behaved(time.monotonic()) if actives else ():
            self.isolation.returned(name)
            actives[0].channel.send(SetApart([name], apart=False))
            log.info("sensor_returned", sensor=name)
            self._empty(name)

    def _empty(self, name: str) -> None:
        """No process apart is there for this sensor any longer."""
        for host in self.of("apart"):
            if name in host.only:
                host.only -= {name}
                if not host.only:
                    self.dismiss(host, DRAIN_SECONDS)

    def dismiss(self, worker: Worker, grace_seconds: float) -> None:
        """Tell it to drain and end; when it does not, it is ended."""
        worker.leaving = True
        # It waits longer than we do: what does not end is judged here, and not left to be called again by the next.
        worker.channel.send(Stop(grace_seconds + 2 * END_SECONDS))
        self._tasks.start_soon(self._end_later, worker, grace_seconds + END_SECONDS)

    async def _end_later(self, worker: Worker, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await worker.gone.wait()
        if not worker.gone.is_set():
            await self._overdue(worker)
