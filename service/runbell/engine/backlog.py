"""Reads for sensors that are behind, once for each group of equal places, until they can join the tail."""

from collections.abc import Callable, Iterable, Sequence

import anyio
from anyio.abc import TaskGroup

from runbell.core.portions import first_portion, next_portion, patience
from runbell.core.pushing import pushed
from runbell.core.routing import Routes
from runbell.engine.committer import Committer
from runbell.engine.measures import Measures
from runbell.engine.tail import hand_out, read_page
from runbell.engine.term import Held, by_place
from runbell.store.connections import Pool


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
        portion = first_portion(len(cohort))
        while cohort := await self._with_room(cohort):
            routes = Routes({held.sensor_name: held.subscription for held in cohort})
            place = cohort[0].progress.ahead
            filters = pushed([wanted for held in cohort for wanted in held.subscription.filters()])
            portion = min(portion, cohort[0].room)
            page = await read_page(
                self._pool, place, statuses=routes.statuses, jobs=_jobs(cohort), filters=filters, scanned=portion
            )
            self._measures.read(page.events)
            cohort = _still_ours(cohort)
            _, handed = hand_out(page, {held.sensor_name: held for held in cohort}, routes)
            portion = next_portion(portion, handed)
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
