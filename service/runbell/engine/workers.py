"""A worker process as its supervisor sees it: started, looked at, asked where it hangs, ended."""

import asyncio
import mmap
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

import anyio

from runbell.core.heartbeats import HeartWatch, Spent
from runbell.core.stacks import crashed_thread, stacks_of
from runbell.engine import processes
from runbell.engine.channel import Begin, Channel, Counted, Failed, Ready, Role
from runbell.engine.markers import BYTES, Running, in_threads, on_the_loop, pause_of, turns
from runbell.engine.relay import Relay

# So long a process may take to write its stacks down, and so long the system may take to end it.
DUMP_SECONDS = 0.05
GONE_SECONDS = 1.0
PIPE_BYTES = 4096
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How workers are started.

    Attributes:
        command: the program; the numbers of what it inherits are appended.
        stdout: where the lines of their logs go.
        stderr: where all goes that is printed.
    """

    command: Sequence[str]
    settings: Mapping[str, Any]
    relay: Relay
    stdout: int
    stderr: int
    colors: bool = False


@dataclass(slots=True, eq=False)
class Worker:
    """One worker process."""

    number: int
    role: Role
    only: frozenset[str]
    process: "subprocess.Popen[bytes]"
    channel: Channel
    numbers: memoryview
    rings: int
    dump: int
    born_at: float
    watch: HeartWatch = field(default_factory=HeartWatch)
    ready: Ready | None = None
    serving: bool = False
    failed: Failed | None = None
    counted: Counted | None = None
    # It was told to end, or is being ended: how it does is no surprise.
    leaving: bool = False
    drained: bool = False
    # What its successor must know.
    verdicts: dict[Key, str] = field(default_factory=dict)
    cpu: dict[int, float] = field(default_factory=dict)
    # It is not among the workers any more.
    gone: anyio.Event = field(default_factory=anyio.Event)

    @classmethod
    async def start(cls, launch: Launch, begin: Begin, number: int) -> Self:
        """A new process, in a session of its own: what a terminal sends reaches the supervisor only."""
        ours, theirs = socket.socketpair()
        memory, dump = _memory("heart"), _memory("dump")
        os.truncate(memory, BYTES)
        rings, alarm = os.pipe()
        for end in (rings, alarm):
            # Neither waits for the other.
            os.set_blocking(end, False)
        inherited = (theirs.fileno(), memory, alarm, dump)
        outputs = launch.relay.add(launch.stdout), launch.relay.add(launch.stderr)
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - from this very thread: its end would be the worker's too
            [*launch.command, *map(str, inherited), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=outputs[0],
            stderr=outputs[1],
            pass_fds=inherited,
            start_new_session=True,
        )
        numbers = memoryview(mmap.mmap(memory, BYTES)).cast("q")
        theirs.close()
        for descriptor in (*outputs, memory, alarm):
            os.close(descriptor)
        channel = await Channel.over(ours)
        channel.send(begin)
        return cls(number, begin.role, frozenset(begin.only), process, channel, numbers, rings, dump, time.monotonic())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def daemon_ids(self) -> list[UUID]:
        """Its name among the daemons, if it has got so far."""
        return [] if self.ready is None else [self.ready.daemon_id]

    def name_of(self, running: Running) -> str | None:
        """The sensor whose function runs; None: of a function that is none of the deployed ones."""
        names = self.ready.sensors if self.ready else ()
        return names[running.index] if running.index < len(names) else None

    def on_ring(self, look: Callable[[], None]) -> None:
        """Call this whenever it rings: a function begins that its heart has not beaten for."""

        def rung() -> None:
            with suppress(BlockingIOError):
                if not os.read(self.rings, PIPE_BYTES):
                    # Nobody is left who could ring.
                    loop.remove_reader(self.rings)
            look()

        loop = asyncio.get_running_loop()
        loop.add_reader(self.rings, rung)

    def look(self, now: float, most: float) -> None:
        """Take in whether its heart beats; for at most so many seconds nobody has looked."""
        pause = pause_of(self.numbers)
        self.watch.look(now, turns(self.numbers), pause=pause, spent=self._spent, most=most)
        if self.watch.suspicious:
            self._note_cpu()
        elif self.cpu:
            self.cpu.clear()

    def running(self) -> list[Running]:
        """The functions that may be what holds it up: that on the event loop, else those in threads."""
        loop = on_the_loop(self.numbers)
        return [loop] if loop is not None else in_threads(self.numbers)

    def busiest(self, running: Sequence[Running]) -> list[Running]:
        """Of functions in threads those that really ran while its heart stood still, if that can be told."""
        worked = {one.native: self._worked(one.native) for one in running if one.native}
        most = max(worked.values(), default=0.0)
        return [one for one in running if most <= 0.0 or worked.get(one.native, most) * 2 >= most]

    async def dump_stacks(self) -> str:
        """Where all its threads are, as it says itself; this works also when no code of Python's can run."""
        before = os.fstat(self.dump).st_size
        self._signal(signal.SIGUSR1)
        size, deadline = before, time.monotonic() + DUMP_SECONDS
        while time.monotonic() < deadline:
            await anyio.sleep(0.005)
            now = os.fstat(self.dump).st_size
            if now > before and now == size:
                break
            size = now
        return self.dumped()

    def dumped(self) -> str:
        """All that it has written of its stacks; what a crash wrote too."""
        size = os.fstat(self.dump).st_size
        return os.pread(self.dump, min(size, 1_000_000), 0).decode(errors="replace")

    def stack_of(self, running: Running, dump: str) -> tuple[str, ...]:
        """The frames of this function."""
        thread = running.thread or (self.ready.thread if self.ready else 0)
        return stacks_of(dump).get(thread, ())

    def crashed_in(self, running: Sequence[Running], dump: str) -> list[Running]:
        """Of these functions the one whose thread crashed, if the process could still say so."""
        thread = crashed_thread(dump)
        main = self.ready.thread if self.ready else 0
        found = [one for one in running if thread == (one.thread or main)]
        return found if thread is not None else list(running)

    async def kill(self) -> None:
        """End it from outside, and wait for that; a process that cannot even die is left behind."""
        self._signal(signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await self.wait_ended(GONE_SECONDS)

    async def wait_ended(self, seconds: float) -> None:
        """Wait until the process has ended, at most so long."""
        with anyio.move_on_after(seconds):
            while self.process.poll() is None:  # noqa: ASYNC110 - what is waited for happens in the system
                await anyio.sleep(0.002)

    def close(self) -> None:
        """Let go of what it shared."""
        self.channel.close()
        if self.dump >= 0:
            asyncio.get_running_loop().remove_reader(self.rings)
            os.close(self.rings)
            os.close(self.dump)
            self.dump = -1

    def ended_how(self) -> str:
        """A signal's name, or the exit code."""
        code = self.process.poll()
        if code is None:
            return "it does not answer"
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _signal(self, number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(number)

    def _spent(self) -> Spent:
        return processes.spent(self.pid)

    def _note_cpu(self) -> None:
        for one in in_threads(self.numbers):
            self.cpu.setdefault(one.native, processes.cpu_seconds(self.pid, one.native))

    def _worked(self, thread: int) -> float:
        return processes.cpu_seconds(self.pid, thread) - self.cpu.get(thread, 0.0)


def _memory(name: str) -> int:
    """A file that exists only as long as somebody holds it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"runbell-{name}")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
