"""Whether a worker must be relieved, and what is said of the evaluations that it was ended over."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.heartbeats import BLOCKED_SECONDS, STILL_SECONDS

# A process that has grown so far beyond its limit is not asked to drain any more.
FAR_BEYOND = 1.5
# A function kept apart may block for as long as it may take, and a moment more in which it is cancelled.
GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How a worker is found.

    Attributes:
        still_seconds: for so long its heart has stood still without an excuse.
        frozen: somebody stopped the process (SIGSTOP, a debugger).
        functions: somebody's function runs, on the event loop or in a thread.
        allowed_seconds: for so long it may be blocked: None where others wait, else the longest time-out.
        memory_mb: what it has resident.
        limit_mb: what it may have; None: anything.
    """

    still_seconds: float
    frozen: bool = False
    functions: bool = False
    allowed_seconds: float | None = None
    memory_mb: float = 0.0
    limit_mb: float | None = None


def must_end(found: Condition) -> str | None:
    """The reason why this worker is ended at once; None: it is not.

    Example:
        >>> must_end(Condition(still_seconds=0.5, functions=True))
        'blocked'
        >>> must_end(Condition(still_seconds=0.5, functions=True, allowed_seconds=60.0)) is None
        True
    """
    if found.limit_mb is not None and found.memory_mb > FAR_BEYOND * found.limit_mb:
        return "memory"
    if found.frozen:
        return "frozen" if found.still_seconds >= BLOCKED_SECONDS else None
    allowed = STILL_SECONDS if not found.functions else BLOCKED_SECONDS
    if found.allowed_seconds is not None:
        allowed = max(allowed, found.allowed_seconds + GRACE_SECONDS)
    return "blocked" if found.still_seconds >= allowed else None


def should_drain(found: Condition) -> str | None:
    """The reason why this worker, which works, is replaced."""
    return "memory" if found.limit_mb is not None and found.memory_mb > found.limit_mb else None


def verdict(sensor_name: str, reason: str, seconds: float, stack: Sequence[str]) -> str:
    """The error of an evaluation that its process was ended over.

    Example:
        >>> print(verdict("slow", "blocked", 0.43, ["sensors.py:7 in slow"]))
        the function of sensor 'slow' held up its whole process for 0.4 s, which was ended; it was at
          sensors.py:7 in slow
    """
    said = {
        "blocked": f"held up its whole process for {seconds:.1f} s, which was ended",
        "memory": "was running when its process had grown too large and was ended",
        "threads": "was running when its process had too many threads and was ended",
    }.get(reason, f"ended its process ({reason})")
    at = "".join(f"\n  {frame}" for frame in stack)
    return f"the function of sensor {sensor_name!r} {said}" + (f"; it was at{at}" if stack else "")
