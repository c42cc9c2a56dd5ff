"""Calls again what failed, when its time has come, and what a last holder left running."""

import math
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import anyio
import structlog

from runbell.core.events import RunEvent
from runbell.core.portions import FIRST_EVENTS, most_events, most_retried
from runbell.core.progress import Evaluation
from runbell.engine.doorbell import Doorbell
from runbell.engine.term import Held, Term
from runbell.store.connections import Pool
from runbell.store.evaluations import DueEvaluation, find_due_evaluations, read_events_by_id

log = structlog.get_logger()
MOST_AT_ONCE = 1000
AGAIN_SECONDS = 0.2
# More than a holder can have left behind: what is pending in memory is bounded.
MOST_LEFT = 100_000


Key = tuple[int, int]


class Retries:
    """Looks when told to and when the soonest retry that it knows of is due."""

    def __init__(self, pool: Pool, term: Term) -> None:
        self._pool = pool
        self._term = term
        self._look = Doorbell()
        self._next_at = math.inf
        # By sensor, with what each event weighs. A row that this process still runs must not be called a second time
        # beside it.
        self._running: dict[str, dict[Key, int]] = {}
        # Who has enough in hand, and with how many left is asked for again: the others get their turn, and memory is
        # bounded, whatever is due for one that is slow or may begin only so many a minute.
        self._saturated: dict[str, int] = {}
        # Bytes of an event, on average over those that were read last.
        self._weight = 0.0

    async def adopt(self, held: Iterable[Held]) -> None:
        """Leases were taken: call what the last holders left running, and then all that is due.

        Before anything new is handed to these sensors, or their own running rows would be taken for left ones.
        """
        members = {one.sensor_name: one for one in held if not one.shadowed}
        self._forget(members)
        if members:
            left = await find_due_evaluations(self._pool, members, running=True, count=MOST_LEFT)
            await self._hand_portions(left, members, every=True)
            self.look()

    def look(self) -> None:
        """Something may be due."""
        self._next_at = -math.inf
        self._look.ring()

    def scheduled(self, sensor_name: str, evaluation: Evaluation) -> None:
        """An evaluation has been settled; if it failed, it may be due again some day."""
        self._running.get(sensor_name, {}).pop((evaluation.event.event_id, evaluation.replay), None)
        self._ask_again(sensor_name)
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
        self._forget(self._running.keys() - self._term.held.keys())
        held = {name: one for name, one in self._term.held.items() if name not in self._saturated and not one.shadowed}
        # Those that are running come first: without them there is room for what is not.
        count = MOST_AT_ONCE + sum(len(self._running.get(name, ())) for name in held)
        due = await find_due_evaluations(self._pool, held, running=False, count=count)
        now = anyio.current_time()
        later = [row.due_in for row in due if row.due_in > 0]
        self._next_at = min([self._next_at, *(now + seconds for seconds in later)])
        if len(due) == count:
            # More are waiting behind these, and are found when these have been settled.
            self._next_at = min(self._next_at, now + AGAIN_SECONDS)
        ripe = [row for row in due if row.due_in <= 0 and _key(row) not in self._running.get(row.sensor_name, ())]
        await self._hand_portions(ripe, held, every=False)

    async def _hand_portions(self, rows: Sequence[DueEvaluation], held: Mapping[str, Held], *, every: bool) -> None:
        """Hand these over, as many at once as their events allow.

        Args:
            held: who they were looked for. Whoever has lost the lease meanwhile, and perhaps has it again, finds them
                anew.
            every: also those of sensors that have enough in hand; what the last holder left running is found only now.
        """
        # One object for all sensors that failed with an event, as when it was read for the first time.
        events: dict[int, RunEvent] = {}
        portion = min(FIRST_EVENTS, most_events(self._weight))
        while rows:
            ours = [row for row in rows if self._term.held.get(row.sensor_name) is held.get(row.sensor_name)]
            rows = ours if every else self._with_room(ours)
            await self._hand(rows[:portion], held, events)
            rows, portion = rows[portion:], min(portion * 2, most_events(self._weight))
        for name in list(self._saturated):
            # What took the room had lost its event: nothing of it will ever be settled.
            self._ask_again(name)

    def _with_room(self, rows: Iterable[DueEvaluation]) -> list[DueEvaluation]:
        """Those that their sensors have room for; the others are found again when there is."""
        most = most_retried(sum(chain.from_iterable(map(dict.values, self._running.values()))), self._weight)
        fitting: list[DueEvaluation] = []
        counts: dict[str, int] = {}
        for row in rows:
            name = row.sensor_name
            counts[name] = counts.get(name, self._in_hand(name)) + 1
            if counts[name] <= most:
                fitting.append(row)
            else:
                self._saturated[name] = most // 2
        return fitting

    async def _hand(self, rows: Sequence[DueEvaluation], held: Mapping[str, Held], events: dict[int, RunEvent]) -> None:
        for row in rows:
            # Without weight until it is known, and for ever where the event is gone.
            self._running.setdefault(row.sensor_name, {})[_key(row)] = 0
        found = await read_events_by_id(self._pool, [row.evaluation_id for row in rows]) if rows else []
        for waiting in found:
            one = held[waiting.sensor_name]
            if self._term.held.get(waiting.sensor_name) is not one:
                continue
            if waiting.event is None:
                log.error("event_missing", sensor=waiting.sensor_name, replay=waiting.replay)
                continue
            event = events.setdefault(waiting.event.event_id, waiting.event)
            self._running[waiting.sensor_name][event.event_id, waiting.replay] = event.weight
            evaluation = Evaluation(event, waiting.replay, waiting.attempts, recorded=True)
            if waiting.attempts:
                evaluation.first_called_at = time.monotonic() - waiting.age
            one.lane.add([evaluation])
        weights = [waiting.event.weight for waiting in found if waiting.event is not None]
        self._weight = sum(weights) / len(weights) if weights else self._weight

    def _ask_again(self, sensor_name: str) -> None:
        """Look for more of a sensor that had enough in hand, if it has no longer."""
        if sensor_name in self._saturated and self._in_hand(sensor_name) <= self._saturated[sensor_name]:
            del self._saturated[sensor_name]
            self.look()

    def _in_hand(self, sensor_name: str) -> int:
        return sum(map(bool, self._running.get(sensor_name, {}).values()))

    def _forget(self, sensor_names: Collection[str]) -> None:
        for name in list(sensor_names):
            self._running.pop(name, None)
            self._saturated.pop(name, None)


def _key(row: DueEvaluation) -> Key:
    return (row.event_id, row.replay)
