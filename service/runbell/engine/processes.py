"""Reads from /proc how a process fares. Where there is none, nothing is known, and nothing is excused."""

import os

from runbell.core.heartbeats import Spent

PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024 if hasattr(os, "sysconf") else 0.0


def spent(pid: int) -> Spent:
    """What the main thread has done."""
    return _schedule(pid, pid)


def cpu_seconds(pid: int, thread: int) -> float:
    """How long this thread has had a processor since it began."""
    return _schedule(pid, thread).working


def is_frozen(pid: int) -> bool:
    """Has somebody stopped the process?"""
    # The name may contain anything; the state stands behind it.
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].strip()[:1] in {"T", "t"}


def resident_mb(pid: int) -> float:
    """The memory that the process has resident."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * PAGE_MB if fields else 0.0


def _schedule(pid: int, thread: int) -> Spent:
    fields = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
    return Spent(int(fields[0]) / 1e9, int(fields[1]) / 1e9) if fields else Spent()


def _read(path: str) -> str:
    # Unbuffered: a text file costs four times as much, and this is read several times a second.
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 4096).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
