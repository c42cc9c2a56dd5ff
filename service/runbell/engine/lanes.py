"""One lane a sensor: its evaluations in order, so many at once as it allows, never two of one run."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from anyio.abc import TaskGroup

from runbell.core.progress import Evaluation


class Lane:
    """Feeds evaluations to workers; a worker lives while there is something for it to do."""

    def __init__(self, tasks: TaskGroup, width: int, evaluate: Callable[[Evaluation], Awaitable[None]]) -> None:
        self._tasks = tasks
        self._width = width
        self._evaluate = evaluate
        self._queue: deque[Evaluation] = deque()
        self._busy: set[tuple[str, str]] = set()
        self._parked: dict[tuple[str, str], deque[Evaluation]] = {}
        self._workers = 0
        self._closed = False

    def add(self, evaluations: Iterable[Evaluation]) -> None:
        """Evaluate these after what is there already, in this order."""
        if self._closed:
            return
        self._queue.extend(evaluations)
        while self._workers < min(self._width, len(self._queue)):
            self._workers += 1
            self._tasks.start_soon(self._work)

    def close(self) -> None:
        """Begin nothing more; what runs goes on."""
        self._closed = True
        self._queue.clear()
        self._parked.clear()

    async def _work(self) -> None:
        try:
            while (evaluation := self._next()) is not None:
                await self._evaluate(evaluation)
                self._release(evaluation)
        finally:
            self._workers -= 1

    def _next(self) -> Evaluation | None:
        """The next evaluation whose run is not being evaluated; those of busy runs wait behind it."""
        while self._queue:
            evaluation = self._queue.popleft()
            run = evaluation.event.run
            if run not in self._busy:
                self._busy.add(run)
                return evaluation
            self._parked.setdefault(run, deque()).append(evaluation)
        return None

    def _release(self, evaluation: Evaluation) -> None:
        run = evaluation.event.run
        self._busy.discard(run)
        parked = self._parked.get(run)
        if parked:
            self._queue.appendleft(parked.popleft())
        if not parked:
            self._parked.pop(run, None)
