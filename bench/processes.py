"""Starts what is measured as a process of its own, and reads what it has cost from /proc."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
END_SECONDS = 15.0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and of all below it, ended children included; in steps of 10 ms."""
    return sum(sum(fields_of(one)[11:15]) for one in family(pid)) / TICKS


def exact_cpu_seconds(pid: int) -> float:
    """Processor time of what lives of a process and of all below it, to the nanosecond, for what does little."""
    return sum(int(_read(thread / "schedstat").split()[0] or 0) for thread in _threads(pid)) / 1e9


def wake_ups(pid: int) -> int:
    """How often a process and all below it have gone to sleep by themselves, and so have been woken."""
    counts = (
        line.split()[1]
        for thread in _threads(pid)
        for line in _read(thread / "status", "").splitlines()
        if line.startswith("voluntary_ctxt_switches")
    )
    return sum(map(int, counts))


def family(pid: int) -> list[int]:
    """The process and all below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        below = []
    return [pid, *(one for child in below for one in family(int(child)))]


def fields_of(pid: int) -> list[int]:
    """The numbers in /proc/<pid>/stat, numbered as in its manual less three; zeros when the process has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return [0] * 50
    # The name may contain anything, the state is a letter: the numbers begin behind both.
    return [0, *(int(number) for number in text.rpartition(")")[2].split()[1:])]


def peak_mb(pid: int) -> float:
    """The most memory that one of the processes has had resident."""
    return max(_status_mb(one, "VmHWM") for one in family(pid))


def resident_mb(pid: int) -> list[float]:
    """The memory that each of the processes has resident now, the greatest first."""
    return sorted((_status_mb(one, "VmRSS") for one in family(pid)), reverse=True)


def _status_mb(pid: int, name: str) -> float:
    lines = _read(Path(f"/proc/{pid}/status"), "").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def _threads(pid: int) -> list[Path]:
    return [thread for one in family(pid) for thread in Path(f"/proc/{one}/task").glob("*")]


def _read(path: Path, ended: str = "0") -> str:
    try:
        return path.read_text()
    except OSError:
        return ended


@asynccontextmanager
async def running(command: Sequence[str], variables: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    """The process, with stdout and stderr in `log`; told to end at the end, by SIGTERM."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNBELL_")}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, env=kept | dict(variables), stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
