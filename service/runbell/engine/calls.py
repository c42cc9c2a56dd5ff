"""Keeps an eye on threads: on those that were given up on because they took too long, and on those that functions leak.

A thread cannot be stopped. What is known of one that was given up on is told once, and it is counted for as long as it
runs; a process with too many of them asks to be relieved.
"""

import _thread
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from runbell.core.progress import Evaluation
from runbell.engine.markers import Mark, Markers

log = structlog.get_logger()
MOST_FRAMES = 12
# Above these a process is better replaced.
MOST_ABANDONED = 16
MOST_LEAKED = 100
# Threads that wait for plain functions to run; there may be one for each sensor.
POOL_NAME = "AnyIO worker thread"


# So many threads run beside the first. Asked twice for each call: `threading.active_count` costs ten times as much.
_running = _thread._count  # noqa: SLF001 - the interpreter's own figure has no public name


def _threads() -> int:
    return sum(1 for thread in threading.enumerate() if thread.name != POOL_NAME)


@dataclass(slots=True, eq=False)
class Call:
    """One call of a function; `thread` is the ident of its thread, once that has begun."""

    sensor_name: str
    evaluation: Evaluation
    mark: Mark
    thread: int = 0
    done: bool = False


@dataclass(slots=True)
class Calls:
    """The calls of this process, marked while they run, and what they leave behind.

    Attributes:
        live: so many calls are awaited.
    """

    markers: Markers = field(default_factory=Markers)
    live: int = 0
    _abandoned: set[Call] = field(default_factory=set)
    _leaked: Counter[str] = field(default_factory=Counter)
    _ours: int = field(default_factory=_threads)

    def of(self, sensor_name: str, evaluation: Evaluation) -> Call:
        """A call that is about to begin."""
        return Call(sensor_name, evaluation, self.markers.of(sensor_name, evaluation))

    @contextmanager
    def in_thread(self, call: Call) -> Iterator[None]:
        """The body is the function, in its thread."""
        call.thread = threading.get_ident()
        before = _running()
        try:
            with self.markers.in_thread(call.mark):
                yield
        finally:
            self._note(call, before)
            call.done = True
            self._abandoned.discard(call)

    def begin(self) -> int:
        """A call is awaited from here on; gives what `end` wants back."""
        self.live += 1
        return _running()

    def end(self, call: Call, before: int) -> None:
        """A call is not awaited any more. If its thread goes on, that is remembered, and if it left threads behind."""
        self.live -= 1
        if not call.thread:
            self._note(call, before)
        if call.thread and not call.done:
            self._abandon(call)

    def _note(self, call: Call, before: int) -> None:
        # Whoever ran at the same time is counted too: only the one that was there most often is blamed.
        grown = _running() - before
        if grown:
            self._leaked[call.sensor_name] += grown

    def _abandon(self, call: Call) -> None:
        self._abandoned.add(call)
        # It may have ended between the two lines.
        if self._ended(call):
            self._abandoned.discard(call)
            return
        event = call.evaluation.event
        log.warning(
            "thread_abandoned",
            sensor=call.sensor_name,
            event_id=event.event_id,
            run_id=event.run_id,
            stack=_stack_of(call.thread),
            abandoned=len(self._abandoned),
        )

    def _ended(self, call: Call) -> bool:
        return call.done

    @property
    def abandoned(self) -> int:
        """So many threads run that nobody waits for."""
        return len(self._abandoned)

    def excess(self) -> tuple[str, list[str]] | None:
        """Why this process is better replaced, and the sensors to blame; None: it is not."""
        if len(self._abandoned) >= MOST_ABANDONED:
            worst = Counter(call.sensor_name for call in self._abandoned)
            return f"{len(self._abandoned)} threads never returned", _most_of(worst)
        if threading.active_count() < MOST_LEAKED:
            return None
        leaked = _threads() - self._ours
        if leaked < MOST_LEAKED:
            return None
        return f"{leaked} threads were started and left", [name for name, _ in self._leaked.most_common(1)]


def _most_of(counted: Counter[str]) -> list[str]:
    """Who has at least half of the most."""
    most = max(counted.values(), default=0)
    return sorted(name for name, count in counted.items() if count > 0 and count * 2 >= most)


def _stack_of(ident: int) -> list[str]:
    """Where a thread is, the innermost frame first, without those of ours that called the function."""
    frame = sys._current_frames().get(ident)  # noqa: SLF001 - the only way to look into another thread
    frames = traceback.extract_stack(frame) if frame is not None else []
    said: list[str] = []
    for found in reversed(frames):
        if "/runbell/engine/" in found.filename:
            break
        said.append(f"{found.filename}:{found.lineno} in {found.name}")
    return said[:MOST_FRAMES]
