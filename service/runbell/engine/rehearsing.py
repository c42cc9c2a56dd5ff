"""Evaluates recorded events with the code of today and leaves no trace: nothing is settled, messages are kept.

The sessions are read-only by the server's own word, so that not even a mistake in here could write.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from runbell.core.backtests import Rehearsed
from runbell.core.events import RunEvent
from runbell.core.progress import Evaluation
from runbell.core.rehearsal import Rehearsal, rehearsed
from runbell.core.requests import Conclusion
from runbell.core.sensors import Sensor
from runbell.engine.deadlines import Deadlines
from runbell.engine.evaluator import Evaluator, Limits, StoreLookups
from runbell.store.connections import Pool, connect_pool
from runbell.store.recorded import History, read_recorded_events

POOL_SIZE = 4
PAGE = 1_000
FIRST_ID = -(2**63)


@asynccontextmanager
async def reading_only(url: str) -> AsyncIterator[Pool]:
    """Sessions that can write nothing, whoever uses them."""
    pool = await connect_pool(
        url, role="command", size=POOL_SIZE, default_transaction_read_only="on", statement_timeout="0"
    )
    try:
        yield pool
    finally:
        pool.terminate()


@dataclass(slots=True)
class Rehearsing:
    """Calls one sensor for recorded events.

    Attributes:
        wanted: which events it is called for, as it is deployed with the code of today.
    """

    sensor: Sensor
    sensor_name: str
    pool: Pool
    limits: Limits
    wanted: Callable[[RunEvent], bool]
    _evaluator: Evaluator = field(init=False)

    def __post_init__(self) -> None:
        self._evaluator = Evaluator(self.limits, StoreLookups(self.pool), Deadlines(self.limits.timeout_seconds))

    async def pages(self, history: History) -> AsyncIterator[list[Rehearsed]]:
        """Each page's evaluations, in the order of the events."""
        after = FIRST_ID
        while True:
            page = await read_recorded_events(self.pool, history, self.sensor.statuses, after=after, count=PAGE)
            events = [event for event in page if self.wanted(event)]
            if events:
                yield await self._evaluate_all(events)
            if len(page) < PAGE:
                return
            after = page[-1].event_id

    async def _evaluate_all(self, events: Sequence[RunEvent]) -> list[Rehearsed]:
        found: dict[int, Rehearsed] = {}

        async def evaluate(mine: Sequence[RunEvent]) -> None:
            for event in mine:
                found[event.event_id] = await self._evaluate(event)
                await self._evaluator.take_turn()

        # As many at once as the sensor allows; events of one run one after the other, as in the daemon.
        lanes: list[list[RunEvent]] = [[] for _ in range(self.sensor.max_concurrent)]
        for event in events:
            lanes[hash(event.run) % len(lanes)].append(event)
        async with anyio.create_task_group() as tasks:
            for lane in lanes:
                tasks.start_soon(evaluate, lane)
        return [found[event.event_id] for event in events]

    async def _evaluate(self, event: RunEvent) -> Rehearsed:
        evaluation = Evaluation(event)
        with rehearsed(Rehearsal()) as rehearsal:
            await self._evaluator.evaluate(self.sensor, self.sensor_name, evaluation)
        conclusion = evaluation.conclusion or Conclusion("failed", error="no conclusion")
        return Rehearsed(event, conclusion, rehearsal.unsent)
