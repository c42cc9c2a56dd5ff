"""A worker process of `serve`: runs the daemon, and with it the functions of the sensors. Started by a supervisor.

Its arguments are descriptors that it inherits: of the control channel, of the memory in which its heart beats, of the
pipe that has its supervisor look at that, and of the file that it dumps its stacks into; and the process that is its
parent. All else it is told over the channel.
"""

import asyncio
import ctypes
import faulthandler
import gc
import mmap
import os
import signal
import socket
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import anyio
import msgspec

from runbell.core.fingerprints import fingerprint
from runbell.core.leases import Role
from runbell.engine.calls import Calls
from runbell.engine.channel import (
    Begin,
    Channel,
    Count,
    Counted,
    Drained,
    Failed,
    FoundApart,
    Message,
    Promote,
    Promoted,
    Ready,
    RelieveMe,
    SetApart,
    Stop,
)
from runbell.engine.daemon import Daemon
from runbell.engine.markers import BYTES, Markers
from runbell.ops import logs, schema
from runbell.ops.daemon_options import daemon_options
from runbell.ops.fleet_metrics import packed
from runbell.ops.heart import Heart
from runbell.ops.loading import LoadedSensors, load_sensors
from runbell.ops.masking import mask
from runbell.ops.sentences import BUG, exit_code, known_error, sentence
from runbell.ops.url_files import received_urls
from runbell.ops.worker_metrics import WorkerMetrics

if TYPE_CHECKING:
    from runbell.ops.settings import Settings

PR_SET_PDEATHSIG = 1
# A loop that shares the interpreter with busy threads gets it back ten times sooner than by default.
SWITCH_SECONDS = 0.0005
# New objects before a collection: a page of events in flight makes 10,000, which all live until they are settled.
GARBAGE = (20_000, 20, 50)


@dataclass(frozen=True, slots=True)
class Inherited:
    """What the process shares with its supervisor beside the channel: its heart's memory, and what rings for a look."""

    numbers: memoryview
    alarm: int


@dataclass(slots=True)
class Worker:
    """What the process does once it knows its settings."""

    channel: Channel
    daemon: Daemon
    metrics: WorkerMetrics
    calls: Calls
    verdicts: dict[tuple[str, int, int], str]
    names: list[str]
    timeouts: list[float]
    loaded: LoadedSensors
    prints: list[str]
    standing_by: InitVar[bool]
    alarm: int
    opening: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    stopping: bool = False
    _started: bool = False
    _heart: Heart = field(init=False)

    def __post_init__(self, standing_by: bool) -> None:
        self._heart = Heart(self.calls, self.alarm, self._look, standing_by)

    async def run(self, url: str) -> None:
        """Serve until told to end."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._make_task)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            with self.opening:
                await schema.wait_for_schema(url)
            if not self.stopping:
                self._heart.beat()
                async with anyio.create_task_group() as inner:
                    await inner.start(self.daemon.run)
                    self._started = True
                    self.channel.send(self._ready())
            self._count()
            self.channel.send(Drained())
            await self.channel.flush()
            tasks.cancel_scope.cancel()

    def _ready(self) -> Ready:
        ident = threading.main_thread().ident or 0
        told = (
            self.loaded.module,
            self.names,
            self.timeouts,
            ident,
            self.loaded.left,
            self.loaded.unlisted,
            self.prints,
        )
        return Ready(self.daemon.daemon_id, *told)

    async def _listen(self) -> None:
        async for message in self.channel.messages():
            self._hear(message)
        # Nobody is there to supervise: whatever runs here would be left to itself.
        os._exit(BUG)

    def _hear(self, message: Message) -> None:
        match message:
            case Promote(dead=dead, apart=apart, verdicts=verdicts):
                self.verdicts.update(verdicts)
                self.daemon.promote(dead, apart)
                if self._heart.standing_by:
                    self._heart.rise()
                    self.channel.send(Promoted())
            case SetApart(sensors=sensors, apart=apart_now):
                self.daemon.set_apart(sensors, apart=apart_now)
            case Count():
                self._count()
            case Stop(grace_seconds=grace):
                self.stopping = True
                self.opening.cancel()
                self.daemon.stop(grace)

    def _count(self) -> None:
        counts = self.metrics.counts()
        by_sensor: Counter[str] = Counter()
        for (sensor, _), count in counts.evaluations.items():
            by_sensor[sensor] += count
        worst = self._heart.lateness.worst(asyncio.get_running_loop().time())
        vitals = {"abandoned_threads": self.calls.abandoned, "loop_delay": worst}
        snapshot = packed(counts, self.daemon.vitals | vitals)
        raw = msgspec.Raw(msgspec.json.encode(snapshot))
        self.channel.send(Counted(raw, {sensor: count for sensor, count in by_sensor.items() if count}))

    def _look(self) -> None:
        if self._started:
            self.metrics.say(ready=self.daemon.ready)
        excess = self.calls.excess()
        if excess is not None:
            self.channel.send(RelieveMe(*excess))

    def _make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> "asyncio.Task[Any]":
        """What a function starts as a task of its own is still that function's code."""
        return asyncio.Task(self.calls.markers.inherited(coroutine), loop=loop, **options)


def main() -> None:
    """Run as a worker until the supervisor or a signal ends it."""
    control, memory, alarm, dump, parent = map(int, sys.argv[1:])
    _end_with(parent)
    for descriptor in (control, memory, alarm, dump):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - the function takes nothing else
    faulthandler.enable(dump, all_threads=True)
    faulthandler.register(signal.SIGUSR1, dump, all_threads=True, chain=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_SECONDS)
    numbers = memoryview(mmap.mmap(memory, BYTES)).cast("q")
    code = anyio.run(
        _work, socket.socket(fileno=control), Inherited(numbers, alarm), backend_options={"use_uvloop": True}
    )
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    if _held_by_threads():
        # A thread that never returns must not keep the process.
        os._exit(code)
    sys.exit(code)


async def _work(control: socket.socket, inherited: Inherited) -> int:
    channel = await Channel.over(control)
    stream = channel.messages()
    begin = await anext(stream, None)
    if not isinstance(begin, Begin):
        return BUG
    try:
        await _made(channel, begin, inherited)
    except Exception as error:  # noqa: BLE001 - the edge of the process: whatever it was is said to the supervisor
        known = known_error(error)
        text = sentence(known) if known else "".join(traceback.format_exception(error)).rstrip()
        channel.send(Failed(exit_code(known), mask(text)))
        await channel.flush()
        return exit_code(known)
    return 0


async def _made(channel: Channel, begin: Begin, inherited: Inherited) -> None:
    # As the supervisor has read and checked them: what does that takes its time to load, and memory.
    settings = cast("Settings", SimpleNamespace(**{**begin.settings, **received_urls(begin.settings)}))
    logs.configure(settings.log_format, settings.log_level, logs.keep_stdout(), colors=begin.colors)
    gc.set_threshold(*GARBAGE)
    loaded = load_sensors(settings.sensors)
    # What was loaded stays: no collection need walk over it again. A tenth more events a second with the thresholds.
    gc.freeze()
    loaded.make_ready()
    worker = _assemble(channel, begin, settings, loaded, inherited)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.daemon.stop)
    await worker.run(settings.database_url)


def _assemble(
    channel: Channel, begin: Begin, settings: "Settings", loaded: LoadedSensors, inherited: Inherited
) -> Worker:
    names = [sensor.identity(settings.code_location) for sensor in loaded.sensors]
    calls = Calls(Markers({name: place for place, name in enumerate(names)}, inherited.numbers))
    metrics = WorkerMetrics(names)
    metrics.channel = channel
    verdicts = dict(begin.verdicts)

    def found_apart(sensors: Collection[str]) -> None:
        if sensors:
            channel.send(FoundApart(sorted(sensors)))

    options = daemon_options(
        settings,
        loaded,
        role=Role(begin.role),
        only=frozenset(begin.only),
        on_apart=found_apart,
        calls=calls,
        verdicts=verdicts,
        supervised=True,
    )
    timeouts = [sensor.timeout_seconds or settings.sensor_timeout_seconds for sensor in loaded.sensors]
    daemon = Daemon(options, measures=metrics, announced={"pid": os.getpid()})
    prints = [fingerprint(sensor, settings.code_location) for sensor in loaded.sensors]
    standing_by = begin.role == "standby"
    return Worker(
        channel, daemon, metrics, calls, verdicts, names, timeouts, loaded, prints, standing_by, inherited.alarm
    )


def _end_with(parent: int) -> None:
    """A supervisor that is killed leaves no workers behind. Elsewhere than on Linux the channel's end tells."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(BUG)


def _held_by_threads() -> bool:
    return any(
        not thread.daemon and thread is not threading.main_thread() and thread.is_alive()
        for thread in threading.enumerate()
    )


if __name__ == "__main__":
    main()
