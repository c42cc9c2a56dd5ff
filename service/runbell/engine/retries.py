"""Calls again what failed, when its time has come, and what a last holder left running."""

import math
import time
from collections.abc import Iterable, Sequence

import anyio
import structlog

from runbell.core.progress import Evaluation
from runbell.engine.doorbell import Doorbell
from runbell.engine.term import Held, Term
from runbell.store.connections import Pool
from runbell.store.evaluations import DueEvaluation, find_due_evaluations, read_events_by_id

log = structlog.get_logger()
MOST_AT_ONCE = 1000
# A sensor that has been handed so many is asked for no more until it has settled half: the others get their turn, and
# memory is bounded, whatever is due for one that is slow or may begin only so many a minute.
MOST_HANDED = 500
AGAIN_SECONDS = 0.2
# More than a holder can have left behind: what is pending in memory is bounded.
MOST_LEFT = 100_000


class Retries:
    """Looks when told to and when the soonest retry that it knows of is due."""

    def __init__(self, pool: Pool, term: Term) -> None:
        self._pool = pool
        self._term = term
        self._look = Doorbell()
        self._next_at = math.inf
        # By sensor. A row that this process still runs must not be called a second time beside it.
        self._running: dict[str, set[tuple[int, int]]] = {}
        self._saturated: set[str] = set()

    async def adopt(self, held: Iterable[Held]) -> None:
        """Leases were taken: call what the last holders left running, and then all that is due.

        Before anything new is handed to these sensors, or their own running rows would be taken for left ones.
        """
        names = {one.sensor_name for one in held if not one.shadowed}
        self._running = {name: keys for name, keys in self._running.items() if name not in names}
        self._saturated -= names
        if names:
            await self._hand(await find_due_evaluations(self._pool, names, running=True, count=MOST_LEFT))
            self.look()

    def look(self) -> None:
        """Something may be due."""
        self._next_at = -math.inf
        self._look.ring()

    def scheduled(self, sensor_name: str, evaluation: Evaluation) -> None:
        """An evaluation has been settled; if it failed, it may be due again some day."""
        running = self._running.get(sensor_name, set())
        running.discard((evaluation.event.event_id, evaluation.replay))
        if sensor_name in self._saturated and len(running) <= MOST_HANDED // 2:
            self._saturated.discard(sensor_name)
            self.look()
        if evaluation.retry_in is not None:
            self._next_at = min(self._next_at, anyio.current_time() + evaluation.retry_in)
            self._look.ring()

    async def run(self) -> None:
        """Look for ever; ends only with the term."""
        while True:
            wait = self._next_at - anyio.current_time()
            if wait > 0:
                await self._look.wait(None if math.isinf(wait) else wait)
            else:
                await self._call_due()

    async def _call_due(self) -> None:
        self._next_at = math.inf
        held = self._term.held
        names = [name for name in held if name not in self._saturated and not held[name].shadowed]
        # Those that are running come first: without them there is room for what is not.
        count = MOST_AT_ONCE + sum(len(self._running.get(name, ())) for name in names)
        due = await find_due_evaluations(self._pool, names, running=False, count=count)
        now = anyio.current_time()
        later = [row.due_in for row in due if row.due_in > 0]
        self._next_at = min([self._next_at, *(now + seconds for seconds in later)])
        if len(due) == count:
            # More are waiting behind these, and are found when these have been settled.
            self._next_at = min(self._next_at, now + AGAIN_SECONDS)
        ripe = [row for row in due if row.due_in <= 0 and _key(row) not in self._running.get(row.sensor_name, ())]
        if ripe:
            await self._hand(ripe)

    async def _hand(self, ripe: Sequence[DueEvaluation]) -> None:
        for row in ripe:
            running = self._running.setdefault(row.sensor_name, set())
            running.add(_key(row))
            if len(running) >= MOST_HANDED:
                self._saturated.add(row.sensor_name)
        for waiting in await read_events_by_id(self._pool, [row.evaluation_id for row in ripe]):
            held = self._term.held.get(waiting.sensor_name)
            if held is None:
                continue
            if waiting.event is None:
                log.error("event_missing", sensor=waiting.sensor_name, replay=waiting.replay)
                continue
            evaluation = Evaluation(waiting.event, waiting.replay, waiting.attempts, recorded=True)
            if waiting.attempts:
                evaluation.first_called_at = time.monotonic() - waiting.age
            held.lane.add([evaluation])


def _key(row: DueEvaluation) -> tuple[int, int]:
    return (row.event_id, row.replay)
