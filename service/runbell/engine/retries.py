"""Calls again what failed, when its time has come, and what a last holder left running."""

import math
from collections.abc import Iterable, Sequence

import anyio
import structlog

from runbell.core.progress import Evaluation
from runbell.engine.doorbell import Doorbell
from runbell.engine.term import Held, Term
from runbell.store.connections import Pool
from runbell.store.evaluations import DueEvaluation, find_due_evaluations, read_events_by_id

log = structlog.get_logger()
Key = tuple[str, int, int]
MOST_AT_ONCE = 1000
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
        # A row that this process still runs must not be called a second time beside it.
        self._running: set[Key] = set()

    async def adopt(self, held: Iterable[Held]) -> None:
        """Leases were taken: call what the last holders left running, and all that is due.

        Before anything new is handed to these sensors, or their own running rows would be taken for left ones.
        """
        names = {one.sensor_name for one in held}
        self._running = {key for key in self._running if key[0] not in names}
        if names:
            left = await find_due_evaluations(self._pool, names, running=True, count=MOST_LEFT)
            await self._hand([row for row in left if row.due_in <= 0])
            self.look()

    def look(self) -> None:
        """Something may be due."""
        self._next_at = -math.inf
        self._look.ring()

    def scheduled(self, sensor_name: str, evaluation: Evaluation) -> None:
        """An evaluation has been settled; if it failed, it may be due again some day."""
        self._running.discard((sensor_name, evaluation.event.event_id, evaluation.replay))
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
        due = await find_due_evaluations(self._pool, self._term.held, running=False, count=MOST_AT_ONCE)
        now = anyio.current_time()
        later = [row.due_in for row in due if row.due_in > 0]
        self._next_at = min([self._next_at, *(now + seconds for seconds in later)])
        if len(due) == MOST_AT_ONCE:
            # More are waiting behind these, and are found when these have been settled.
            self._next_at = min(self._next_at, now + AGAIN_SECONDS)
        ripe = {row.evaluation_id: row for row in due if row.due_in <= 0 and _key(row) not in self._running}
        if ripe:
            await self._hand(list(ripe.values()))

    async def _hand(self, ripe: Sequence[DueEvaluation]) -> None:
        self._running.update(map(_key, ripe))
        for waiting in await read_events_by_id(self._pool, [row.evaluation_id for row in ripe]):
            held = self._term.held.get(waiting.sensor_name)
            if held is None:
                continue
            if waiting.event is None:
                log.error("event_missing", sensor=waiting.sensor_name, replay=waiting.replay)
                continue
            evaluation = Evaluation(waiting.event, waiting.replay, waiting.attempts, recorded=True)
            held.lane.add([evaluation])


def _key(row: DueEvaluation) -> Key:
    return (row.sensor_name, row.event_id, row.replay)
