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
    """Processor time of a process and of all below it, ended children included."""
    return sum(sum(fields_of(one)[11:15]) for one in family(pid)) / TICKS


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
    return max(_peak_mb(one) for one in family(pid))


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


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
