"""Ends calls that take too long. All have the same time, so they run out in the order in which they began; sensors with
a time of their own have Deadlines of their own.

One timer watches the oldest of them, in place of one for each call: most calls end long before, and a timer of their
own would be what costs most in them.
"""

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

# A call that swallows its cancellation is cancelled again, so often.
AGAIN_SECONDS = 1.0


@dataclass(slots=True)
class Deadlines:
    """`with deadlines:` around awaiting what may take `seconds`; one call of a task at a time.

    Raises:
        TimeoutError: on leaving, when the time was over.
    """

    seconds: float
    _ends: "dict[asyncio.Task[Any], float]" = field(default_factory=dict)
    _overdue: "set[asyncio.Task[Any]]" = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None  # noqa: S101 - it is entered by coroutines only
        self._ends[task] = loop.time() + self.seconds
        if self._timer is None:
            self._timer = loop.call_later(self.seconds, self._look, loop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - as above
        del self._ends[task]
        if task in self._overdue:
            self._overdue.discard(task)
            if not task.uncancel():
                raise TimeoutError from error

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what has run out of time; come back for the next, or when somebody begins again."""
        self._timer = None
        now = loop.time()
        for task, ends in self._ends.items():
            if ends > now:
                break
            self._cancel(task)
        if self._ends:
            first_ends = next(iter(self._ends.values()))
            wait = min(AGAIN_SECONDS, self.seconds) if self._overdue else max(first_ends - now, 0.001)
            self._timer = loop.call_later(wait, self._look, loop)

    def _cancel(self, task: "asyncio.Task[Any]") -> None:
        if task in self._overdue:
            task.uncancel()
        self._overdue.add(task)
        task.cancel()
