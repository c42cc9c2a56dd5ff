"""Reads for sensors that are behind, once for each group of equal places, until they can join the tail."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import anyio
from anyio.abc import TaskGroup

from runbell.core.portions import (
    GENTLE_EVENTS,
    MOST_EVENTS,
    first_portion,
    held_up_by,
    is_gentle,
    lighter,
    most_handed,
    most_pending,
    next_portion,
    patience,
)
from runbell.core.pushing import named, pushed
from runbell.core.routing import Routes
from runbell.engine.committer import Committer
from runbell.engine.measures import Measures
from runbell.engine.tail import hand_out, read_page
from runbell.engine.term import Held, by_place
from runbell.store.connections import Pool


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a group of sensors asks for. Told anew for each page it took longer than reading, with thousands of them."""

    members: int
    routes: Routes
    statuses: Sequence[str]
    jobs: str | None
    filters: str | None

    @classmethod
    def by(cls, cohort: Sequence[Held]) -> Self:
        filters = pushed([wanted for held in cohort for wanted in held.subscription.filters()])
        routes = Routes({held.sensor_name: held.subscription for held in cohort})
        return cls(len(cohort), routes, routes.statuses, named(routes.jobs), filters)


class Backlog:
    """Starts a reader for each group of sensors that stand at one place."""

    def __init__(
        self,
        tasks: TaskGroup,
        pool: Pool,
        committer: Committer,
        join: Callable[[Iterable[Held]], None],
        measures: Measures,
    ) -> None:
        self._measures = measures
        self._tasks = tasks
        self._pool = pool
        self._committer = committer
        self._join = join

    def start(self, members: Iterable[Held]) -> None:
        """Catch these up, grouped by place."""
        for cohort in by_place(members).values():
            self._tasks.start_soon(self._catch_up, cohort)

    async def _catch_up(self, cohort: list[Held]) -> None:
        """Read page by page while there is room, until the end of what was visible when this began."""
        asked = _Asked.by(cohort)
        weight = cohort[0].progress.weight
        portion = first_portion(asked.routes.reach, _limits(cohort, weight)[0])
        handed: Counter[Held] = Counter()
        while cohort := await self._with_room(cohort, weight):
            if len(cohort) < asked.members:
                asked = _Asked.by(cohort)
            most, _ = _limits(cohort, weight)
            portion = min(portion, most, _most_events(cohort))
            place = cohort[0].progress.ahead
            page = await read_page(
                self._pool,
                place,
                statuses=asked.statuses,
                jobs=asked.jobs,
                filters=asked.filters,
                scanned=portion,
            )
            self._measures.read(page.events)
            cohort = _still_ours(cohort)
            given = hand_out(page, {held.sensor_name: held for held in cohort}, asked.routes)
            handed.update(given)
            # A page of which nobody wanted anything says nothing of those to come.
            weight = page.weight or weight
            portion = next_portion(portion, sum(given.values()), most, weight)
            for held in cohort:
                held.progress.ahead = page.end
            if not page.full:
                self._join(cohort)
                return
            cohort = self._part(cohort, lighter([handed[held] for held in cohort]))

    async def _with_room(self, cohort: list[Held], weight: float) -> list[Held]:
        """Those that can take another page. The slow ones are split off, so that they hold up nobody."""
        until: float | None = None
        while cohort := _still_ours(cohort):
            most, most_of_one = _limits(cohort, weight)
            slow = held_up_by([held.progress.pending for held in cohort], most, most_of_one)
            if not slow:
                break
            now = anyio.current_time()
            until = now + patience(most) if until is None else until
            if now >= until and len(slow) < len(cohort):
                return self._part(cohort, slow)
            await self._committer.next_settled(patience(most))
        return cohort

    def _part(self, cohort: Sequence[Held], places: Iterable[int]) -> list[Held]:
        """Have the members at these places read by themselves; gives the others."""
        if parting := set(places):
            self._tasks.start_soon(self._catch_up, [cohort[place] for place in parting])
        return [held for place, held in enumerate(cohort) if place not in parting]


def _limits(cohort: Sequence[Held], weight: float) -> tuple[int, int]:
    """Of a group: what all members together may have in hand to read on, and what one may, of events that weigh so."""
    most_of_one = most_pending(cohort[0].progress.crowd.pending, weight)
    return most_handed(len(cohort), most_of_one // 2), most_of_one


def _most_events(cohort: Sequence[Held]) -> int:
    """Of a page: the fewer, the sooner others have their turn."""
    return GENTLE_EVENTS if is_gentle(time.monotonic(), cohort[0].progress.crowd.live_at) else MOST_EVENTS


def _still_ours(cohort: Sequence[Held]) -> list[Held]:
    return [held for held in cohort if not held.dropped]
