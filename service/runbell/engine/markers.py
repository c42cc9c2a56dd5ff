"""Tells another process whose function runs right now, in memory that both share: it can be read when nothing else of
the process answers any more.

One line of numbers: the beats of the heart, then whose code the event loop runs, then whose codes the threads run.
Setting and clearing a mark takes a quarter of a microsecond.
"""

import threading
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from runbell.core.progress import Evaluation

# Where the numbers stand. An index is a sensor's number plus one; 0: nobody.
BEATS = 0
LOOP = 1
# Of the loop's mark: index, event id, replay. Beside it, how often it was set: one that stays set is one call's.
STEPS = 4
# Milliseconds until the next beat: many, if nothing runs.
PAUSE = 5
THREADS = 8
# Of each mark: index, event id, replay; of a thread also its ident, and its id for the operating system.
IN_THREAD = 5
MOST_THREADS = 256
NUMBERS = THREADS + IN_THREAD * MOST_THREADS
BYTES = 8 * NUMBERS
UNLIMITED: AbstractContextManager[Any] = nullcontext()


@dataclass(frozen=True, slots=True)
class Running:
    """An evaluation whose function runs; `thread` 0: on the event loop, else the thread's ident, and the system's.

    Attributes:
        index: the sensor's number.
    """

    index: int
    event_id: int
    replay: int
    thread: int = 0
    native: int = 0


@dataclass(slots=True)
class Mark:
    """One evaluation, to be marked while its function runs on the event loop."""

    numbers: memoryview
    index: int
    event_id: int
    replay: int

    def set(self) -> None:
        """Its function runs from here on."""
        numbers = self.numbers
        numbers[LOOP + 1] = self.event_id
        numbers[LOOP + 2] = self.replay
        numbers[STEPS] += 1
        numbers[LOOP] = self.index

    def clear(self) -> None:
        """Our own code runs from here on."""
        self.numbers[LOOP] = 0


@dataclass(slots=True)
class TaskMark(Mark):
    """Of a task that a function has started: it may go on when no call does, so it quickens the heart itself."""

    markers: "Markers"

    def set(self) -> None:
        """Its code runs from here on."""
        if self.markers.on_begin is not None:
            self.markers.on_begin()
        Mark.set(self)


def _private() -> memoryview:
    return memoryview(bytearray(BYTES)).cast("q")


@dataclass(slots=True)
class Markers:
    """The marks of one process, made by itself. Without shared memory they are kept, and nobody reads them.

    Attributes:
        places: the number of each sensor.
    """

    places: dict[str, int] = field(default_factory=dict)
    numbers: memoryview = field(default_factory=_private)
    # A heart that nobody's function needs beats slowly, until it is told that one begins.
    on_begin: Callable[[], None] | None = None
    _free: deque[int] = field(default_factory=lambda: deque(range(MOST_THREADS)))

    def beat(self, pause: float) -> None:
        """The event loop turns, and beats again after so many seconds.

        In this order: who reads first that something may run, then the beats, has seen this beat.
        """
        self.numbers[BEATS] += 1
        self.numbers[PAUSE] = round(1000 * pause)

    @property
    def threads(self) -> int:
        """In so many threads somebody's function runs."""
        return MOST_THREADS - len(self._free)

    def of(self, sensor_name: str, evaluation: Evaluation) -> Mark:
        """The mark of this evaluation, not set yet."""
        if self.on_begin is not None:
            self.on_begin()
        return Mark(self.numbers, self.places.get(sensor_name, -1) + 1, evaluation.event.event_id, evaluation.replay)

    @contextmanager
    def in_thread(self, mark: Mark) -> Iterator[None]:
        """The body is the evaluation's function, in this thread."""
        slot = self._free.popleft() if self._free else None
        if slot is None:
            yield
            return
        at = THREADS + IN_THREAD * slot
        numbers = self.numbers
        numbers[at + 1], numbers[at + 2] = mark.event_id, mark.replay
        numbers[at + 3], numbers[at + 4] = threading.get_ident(), threading.get_native_id()
        numbers[at] = mark.index
        try:
            yield
        finally:
            numbers[at] = 0
            self._free.append(slot)

    def inherited(self, coroutine: Coroutine[Any, Any, Any]) -> Coroutine[Any, Any, Any]:
        """What a function starts as a task of its own runs under that function's mark."""
        running = on_the_loop(self.numbers)
        if running is None:
            return coroutine
        mark = TaskMark(self.numbers, running.index + 1, running.event_id, running.replay, self)
        return _marked_task(mark, coroutine)


@types.coroutine
def marked(
    mark: Mark, coroutine: Coroutine[Any, Any, Any], limit: AbstractContextManager[Any] = UNLIMITED
) -> Generator[Any, Any, Any]:
    """Await the coroutine; the mark is set whenever it really runs, not while it waits.

    Args:
        mark: whose code it is.
        coroutine: the code.
        limit: entered when it waits for the first time. What never waits cannot be interrupted, so it needs none: a
            fifth of what answering costs where functions finish at once.
    """
    mark.set()
    try:
        asked = coroutine.send(None)
    except StopIteration as end:
        return end.value
    finally:
        mark.clear()
    with limit:
        return (yield from _resumed(mark, coroutine, asked))


def _resumed(mark: Mark, coroutine: Coroutine[Any, Any, Any], asked: Any) -> Generator[Any, Any, Any]:
    """The rest of a coroutine that waits for what it asked."""
    step, given = coroutine.send, None
    while True:
        try:
            given = yield asked
            step = coroutine.send
        # Whatever is thrown in, a cancellation above all, is the coroutine's to handle.
        except BaseException as error:  # noqa: BLE001
            step, given = coroutine.throw, error
        mark.set()
        try:
            asked = step(given)
        except StopIteration as end:
            return end.value
        finally:
            mark.clear()


async def _marked_task(mark: Mark, coroutine: Coroutine[Any, Any, Any]) -> Any:
    return await marked(mark, coroutine)


def turns(numbers: memoryview) -> int:
    """Changes whenever the event loop turns: with each beat, and with each step of a function."""
    return int(numbers[BEATS] + numbers[STEPS])


def pause_of(numbers: memoryview) -> float:
    """After so many seconds the heart beats again, as it has said; none before it has begun."""
    return float(numbers[PAUSE] / 1000)


def on_the_loop(numbers: memoryview) -> Running | None:
    """Whose function the event loop runs."""
    index = numbers[LOOP]
    return Running(index - 1, numbers[LOOP + 1], numbers[LOOP + 2]) if index > 0 else None


def in_threads(numbers: memoryview) -> list[Running]:
    """Whose functions run in threads, also those that were given up on."""
    found = []
    for at in range(THREADS, NUMBERS, IN_THREAD):
        index, event_id, replay, thread, native = numbers[at : at + IN_THREAD]
        if index > 0:
            found.append(Running(index - 1, event_id, replay, thread, native))
    return found
