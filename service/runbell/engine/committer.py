"""Settles what has finished. While one commit is in flight the next gathers: groups grow with the load."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence

import anyio
import structlog

from runbell.core.errors import StatementAbortedError, StatementRefusedError
from runbell.core.portions import GENTLE_EVALUATIONS, is_gentle
from runbell.core.progress import Evaluation, Progress, Settlement
from runbell.core.requests import Conclusion
from runbell.engine.doorbell import Doorbell
from runbell.engine.reporting import Reporter
from runbell.engine.retries import Retries
from runbell.engine.term import Term
from runbell.store.connections import Connection
from runbell.store.settling import Settled, settle

log = structlog.get_logger()
# One commit settles so many evaluations and, roughly, so many bytes at most: it must end long before its time-out.
MOST_EVALUATIONS = 1000
MOST_BYTES = 8_000_000
# What is locked by somebody else is tried again after so long.
LOCKED_SECONDS = 0.02
# What the database rolled back, too: for as long as a disk is full, say, which lasts longer than a deadlock.
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.8


class Committer:
    """The only writer of places, requests, evaluations and ticks."""

    def __init__(
        self, session: Connection, term: Term, reporter: Reporter, retries: Retries, doubt: Callable[[str], None]
    ) -> None:
        self._session = session
        self._term = term
        self._reporter = reporter
        self._retries = retries
        self._doubt = doubt
        self._work = Doorbell()
        self._dirty: dict[str, Progress] = {}
        self._settled = anyio.Event()
        self._pause = FIRST_PAUSE_SECONDS
        self._live_turn = False
        # A lazy write of a place and a settlement of the same sensor must not both start from the same place.
        # Nearly always free, and asyncio's costs next to nothing then: anyio's looks for cancelled scopes first.
        self._one_at_a_time = asyncio.Lock()

    def finished(self, progress: Progress, evaluation: Evaluation) -> None:
        """An evaluation has its conclusion."""
        progress.finish(evaluation)
        self._dirty[progress.sensor_name] = progress
        self._work.ring()

    async def run(self) -> None:
        """Settle for ever; ends only with the term."""
        wait: float | None = None
        while True:
            await self._work.wait(wait)
            while await self.commit():
                pass
            wait = self._wait()

    async def commit(self) -> bool:
        """Settle what may be settled now; False when there was nothing."""
        async with self._one_at_a_time:
            settlements = self._plan()
            if not settlements:
                return False
            await self._settle(settlements)
            self._queue_again(settlements)
            return True

    async def next_settled(self, timeout: float) -> None:
        """Wait until some commit has made room, at most `timeout` seconds."""
        with anyio.move_on_after(timeout):
            await self._settled.wait()

    async def move_idle(self) -> bool:
        """Write the places of sensors that have nothing pending but lag behind what was read; were all written?"""
        async with self._one_at_a_time:
            moves = [move for held in self._term.held.values() if (move := held.progress.idle_move()) is not None]
            if moves:
                await self._settle(moves)
            return not any(self._lags(move) for move in moves)

    def _lags(self, move: Settlement) -> bool:
        progress = self._progress_of(move)
        return progress is not None and progress.place == move.place

    def _plan(self) -> list[Settlement]:
        """Beside those who catch up, every other commit is for those that are up to date, if they have anything."""
        now = time.monotonic()
        dirty = list(self._dirty.items())
        if not is_gentle(now, self._term.crowd.live_at):
            return self._planned(dirty, MOST_EVALUATIONS, now)
        live = [(name, progress) for name, progress in dirty if progress.head is not None]
        if len(live) == len(dirty):
            return self._planned(dirty, MOST_EVALUATIONS, now)
        self._live_turn = not self._live_turn
        ahead = self._planned(live, MOST_EVALUATIONS, now) if self._live_turn else []
        return ahead or self._planned(dirty, GENTLE_EVALUATIONS, now)

    def _planned(self, dirty: Iterable[tuple[str, Progress]], room: int, now: float) -> list[Settlement]:
        size = MOST_BYTES
        settlements: list[Settlement] = []
        for name, progress in dirty:
            held = self._term.held.get(name)
            if held is None or held.progress is not progress:
                del self._dirty[name]
                continue
            planned = progress.plan(now, room)
            if planned is None:
                continue
            planned = _within(planned, progress, now, size)
            settlements.append(planned)
            # At the end of the queue again when this is settled: a busy sensor does not starve the others.
            del self._dirty[name]
            room -= planned.size
            size -= _bytes(planned)
            if room <= 0 or size <= 0:
                break
        return settlements

    def _wait(self) -> float | None:
        """Seconds until a finished evaluation has waited long enough for earlier ones."""
        ends: list[float] = []
        for name, progress in list(self._dirty.items()):
            until = progress.waits_until()
            if until is None:
                del self._dirty[name]
            else:
                ends.append(until)
        return max(min(ends) - time.monotonic(), 0.001) if ends else None

    async def _settle(self, settlements: Sequence[Settlement]) -> None:
        try:
            settled = await settle(self._session, settlements)
        except StatementAbortedError as error:
            log.warning("commit_repeated", error=str(error))
            await anyio.sleep(self._pause * random.uniform(0.1, 1.0))  # noqa: S311 - two that met should not meet again
            self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            return
        except StatementRefusedError as error:
            await self._isolate(settlements, error)
            return
        for settlement in settlements:
            if settlement.sensor_name in settled.sensors:
                self._apply(settlement, settled)
        self._pause = FIRST_PAUSE_SECONDS
        self._settled.set()
        self._settled = anyio.Event()
        missed = [s.sensor_name for s in settlements if s.sensor_name not in settled.sensors]
        for name in missed:
            self._doubt(name)
        if missed:
            await anyio.sleep(LOCKED_SECONDS)

    async def _isolate(self, settlements: Sequence[Settlement], error: StatementRefusedError) -> None:
        """Repeat in halves until the evaluation that the database refuses stands alone; that one has failed."""
        if len(settlements) > 1:
            middle = len(settlements) // 2
            await self._settle(settlements[:middle])
            await self._settle(settlements[middle:])
            return
        (settlement,) = settlements
        progress = self._progress_of(settlement)
        if progress is None:
            return
        if settlement.size == 0:
            # A place alone: there is nothing that somebody answered.
            raise error
        if settlement.size > 1:
            half = progress.plan(time.monotonic(), settlement.size // 2)
            if half is not None:
                await self._settle([half])
            return
        (poisoned,) = settlement.finished
        # In ASCII, so that at least this can be stored whatever the database refused.
        said = ascii(f"the database refuses what sensor {settlement.sensor_name} answered: {error}")
        if poisoned.conclusion is not None and poisoned.conclusion.error == said:
            raise error
        poisoned.conclusion = Conclusion("failed", error=said, final=True)
        poisoned.retry_in = None
        await self._settle(settlements)

    def _apply(self, settlement: Settlement, settled: Settled) -> None:
        progress = self._progress_of(settlement)
        if progress is not None:
            progress.settled(settlement)
        name = settlement.sensor_name
        rows = [one for one in settlement.rows if (name, one.event.event_id, one.replay) in settled.rows]
        for evaluation in settlement.finished:
            if evaluation.recorded or evaluation.retry_in is not None:
                self._retries.scheduled(name, evaluation)
        if committed := [*settlement.placed, *rows]:
            self._reporter.settled(name, committed, settled.requests)

    def _queue_again(self, settlements: Sequence[Settlement]) -> None:
        for settlement in settlements:
            progress = self._progress_of(settlement)
            if progress is not None and progress.has_finished:
                self._dirty[settlement.sensor_name] = progress

    def _progress_of(self, settlement: Settlement) -> Progress | None:
        """The progress that a settlement was planned from; None if that lease has been lost meanwhile."""
        held = self._term.held.get(settlement.sensor_name)
        if held is None or held.progress.lease_epoch != settlement.lease_epoch:
            return None
        return held.progress


def _bytes(settlement: Settlement) -> int:
    """Roughly what the requests of a settlement weigh."""
    return sum(
        len(draft.run_config) + len(draft.tags) + 200
        for evaluation in settlement.finished
        if evaluation.conclusion is not None
        for draft in evaluation.conclusion.requests
    )


def _within(planned: Settlement, progress: Progress, now: float, size: int) -> Settlement:
    """The settlement, shortened until it weighs at most `size` (or is one evaluation)."""
    while planned.size > 1 and _bytes(planned) > size:
        shorter = progress.plan(now, max(planned.size // 2, 1))
        if shorter is None:
            break
        planned = shorter
    return planned
