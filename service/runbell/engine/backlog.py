"""Reads for sensors that are behind, once for each group of equal places, until they can join the tail."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import anyio
from anyio.abc import TaskGroup

from runbell.core.portions import first_portion, most_handed, next_portion, patience
from runbell.core.pushing import pushed
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
    most: int
    routes: Routes
    jobs: Sequence[str] | None
    filters: str | None

    @classmethod
    def by(cls, cohort: Sequence[Held]) -> Self:
        filters = pushed([wanted for held in cohort for wanted in held.subscription.filters()])
        most = most_handed(len(cohort), cohort[0].room)
        routes = Routes({held.sensor_name: held.subscription for held in cohort})
        return cls(len(cohort), most, routes, _jobs(cohort), filters)


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
        portion = first_portion(len(cohort), asked.most)
        while cohort := await self._with_room(cohort):
            if len(cohort) < asked.members:
                asked = _Asked.by(cohort)
            place = cohort[0].progress.ahead
            page = await read_page(
                self._pool,
                place,
                statuses=asked.routes.statuses,
                jobs=asked.jobs,
                filters=asked.filters,
                scanned=portion,
            )
            self._measures.read(page.events)
            cohort = _still_ours(cohort)
            _, handed = hand_out(page, {held.sensor_name: held for held in cohort}, asked.routes)
            portion = next_portion(portion, handed, asked.most)
            for held in cohort:
                held.progress.ahead = page.end
            if not page.full:
                self._join(cohort)
                return

    async def _with_room(self, cohort: Sequence[Held]) -> list[Held]:
        """Those that can take another page. The slow ones are split off, so that they hold up nobody."""
        cohort = _still_ours(cohort)
        longest = patience(len(cohort))
        until = anyio.current_time() + longest
        while cohort and not all(held.has_room for held in cohort):
            ready = [held for held in cohort if held.has_room]
            if ready and anyio.current_time() >= until:
                self._tasks.start_soon(self._catch_up, [held for held in cohort if not held.has_room])
                return ready
            await self._committer.next_settled(longest)
            cohort = _still_ours(cohort)
        return list(cohort)


def _still_ours(cohort: Sequence[Held]) -> list[Held]:
    return [held for held in cohort if not held.dropped]


def _jobs(cohort: Sequence[Held]) -> list[str] | None:
    """The only job names that matter to anybody here; None if that cannot be told by name."""
    names: set[str] = set()
    for held in cohort:
        for wanted in held.subscription.filters():
            jobs = wanted.exact_jobs()
            if jobs is None:
                return None
            names |= jobs
    return sorted(names)
