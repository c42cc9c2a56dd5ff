"""Reads each event once for all sensors that are up to date, and hands it to those that it reaches.

The doorbell: while this process sleeps, writers ring; while it is awake, they need not, and it reads without being
rung. It sleeps unless events come so fast that waking for each would cost more than reading on.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import anyio
import structlog

from runbell.core.errors import StatementAbortedError
from runbell.core.events import RunEvent
from runbell.core.places import Place, Snapshot
from runbell.core.portions import FIRST_EVENTS, MOST_EVENTS, MOST_HANDED, first_portion, most_events, next_portion
from runbell.core.progress import Crowd, Head
from runbell.core.routing import Routes
from runbell.engine.listener import Listener
from runbell.engine.measures import Measures
from runbell.engine.term import Held, by_place
from runbell.store.bell import Sleep
from runbell.store.connections import Connection, Session
from runbell.store.events import EventPage, read_events
from runbell.store.server import read_snapshot

log = structlog.get_logger()
# A sleeper looks all the same from time to time: nothing depends on a ring.
SLOW_READ_SECONDS = 30.0
# Refused the lock, or without notifications: reads at an interval that grows to this.
POLL_SECONDS = 0.05
FIRST_POLL_SECONDS = 0.001
# Rings closer together than this, on average, cost more than reading on without sleep.
BUSY_SECONDS = 0.004
# Joining, many sensors read so many small pages; those who need more of them catch up by themselves.
ADMITTED_PAGES = 5
# A read that comes back empty so often in a row ends being awake.
EMPTY_READS = 5


class Tail:
    """The shared reader. Sensors join and leave it only between two of its reads."""

    def __init__(
        self,
        session: Connection,
        sleep: Sleep | None,
        listener: Listener,
        on_full: Callable[[Sequence[Held]], None],
        crowd: Crowd,
        measures: Measures,
    ) -> None:
        self._session = session
        self._crowd = crowd
        self._measures = measures
        # Without notifications nobody can be rung awake, so there is no sleep.
        self._sleep = sleep
        self._listener = listener
        self._rung = listener.rung
        self._on_full = on_full
        # It woke by itself: events that are found then came while it slept, and nobody rang for them.
        self._unrung = False
        self._joined: dict[str, Held] = {}
        self._joining: dict[str, Held] = {}
        self._routes = Routes({})
        self._portion = FIRST_EVENTS
        # Places lag behind events that nobody asked for; where there were none, they need not be written.
        self.passed_rows = False
        self._interval = BUSY_SECONDS * 4
        self._read_at = 0.0
        self._empty_reads = 0
        self._poll = FIRST_POLL_SECONDS

    def join(self, members: Iterable[Held]) -> None:
        """These have read up to a whole place by themselves and want to go on here."""
        # One that was dropped on its way here must not stand in the way of its successor.
        self._joining.update({held.sensor_name: held for held in members if not held.dropped})
        self._rung.ring()

    def leave(self, held: Held) -> None:
        """This sensor reads by itself from here on, or no more at all."""
        if self._joined.pop(held.sensor_name, None) is not None:
            held.progress.leave_tail()
            self._routes.discard(held.sensor_name)
        self._joining.pop(held.sensor_name, None)

    async def run(self) -> None:
        """Read for ever; ends only with the term."""
        found = 0
        while True:
            if not self._joined:
                await self._begin_anew()
            statuses = self._routes.statuses
            page = await read_page(self._session, self.head.place, statuses=statuses, scanned=self._portion)
            self._hand(page)
            found += len(page.events)
            if page.full:
                continue
            await self._admit()
            if not self._joining:
                await self._rest(found)
                found = 0

    async def _begin_anew(self) -> None:
        """Nobody listens: read nothing and be rung for nothing until somebody joins; begin where the server is then."""
        if not self._joining:
            if self._sleep is not None:
                await self._sleep.wake()
            await self._listener.ignore_events()
        while not self._joining:
            await self._rung.wait(None)
        await self._listener.hear_events()
        self.head = Head(Place(await read_snapshot(self._session)))

    def _hand(self, page: EventPage) -> None:
        """Move the tail's place and hand over what it moved over, without a moment between the two."""
        self.head.place = page.end
        self.passed_rows |= page.passed_rows
        self._measures.read(page.events)
        given = hand_out(page, self._joined, self._routes)
        if given:
            self._crowd.live_at = time.monotonic()
        if page.full:
            self._portion = next_portion(self._portion, sum(given.values()), MOST_HANDED, page.weight)
        else:
            # It is large only while it needs to be: nobody knows what the next many events weigh.
            self._portion = min(self._portion, FIRST_EVENTS)
        full = [held for held in given if held.full]
        for held in full:
            self.leave(held)
        if full:
            self._on_full(full)

    async def _admit(self) -> None:
        """Let sensors join by a last read of their own up to the tail's place, while no tail read is in flight.

        Who has read further than the tail by now waits for its next read, or would be handed events twice.
        """
        reached = self.head.place.position
        ready = [held for held in self._joining.values() if reached.reaches(held.progress.ahead.position)]
        for held in ready:
            del self._joining[held.sensor_name]
        for place, cohort in by_place(ready).items():
            await self._admit_cohort(place, reached, cohort)
        if ready:
            self._portion = min(self._portion, first_portion(self._routes.reach, MOST_HANDED))

    async def _admit_cohort(self, place: Place, reached: Snapshot, cohort: Sequence[Held]) -> None:
        full = await self._read_on(place, reached, cohort)
        members = [held for held in cohort if not held.dropped]
        if full:
            self._on_full(members)
            return
        for held in members:
            held.progress.head = self.head
            self._joined[held.sensor_name] = held
            self._routes.add(held.sensor_name, held.subscription)

    async def _read_on(self, place: Place, reached: Snapshot, cohort: Sequence[Held]) -> bool:
        """Read a few pages for them, up to where the tail is; is there more?"""
        routes = Routes({held.sensor_name: held.subscription for held in cohort})
        portion = first_portion(routes.reach, MOST_HANDED)
        for _ in range(min(MOST_EVENTS // portion, ADMITTED_PAGES)):
            page = await read_page(self._session, place, upper=reached, statuses=routes.statuses, scanned=portion)
            self.passed_rows |= page.passed_rows
            self._measures.read(page.events)
            members = {held.sensor_name: held for held in cohort if not held.dropped}
            hand_out(page, members, routes)
            for held in members.values():
                held.progress.ahead = page.end
            if not page.full:
                return False
            place, portion = page.end, min(portion, most_events(page.weight))
        return True

    async def _rest(self, found: int) -> None:
        """After a read that was not full: sleep until rung, or pause, or fall asleep and read once more."""
        self._note(found)
        sleep = self._sleep
        if sleep is None:
            await self._pause()
        elif sleep.asleep:
            await self._stay_asleep(sleep)
        elif found == 0 and self._empty_reads >= EMPTY_READS:
            # Having fallen asleep it reads once more: what was written before the lock was got did not ring.
            if not await sleep.lock_bell():
                await self._pause()
        else:
            # Also when something was found: of the reads right behind it nearly all found nothing at 1,000 events/s.
            await self._rung.wait(FIRST_POLL_SECONDS)

    async def _stay_asleep(self, sleep: Sleep) -> None:
        """Wait for a ring while asleep; when rings come too fast, wake up for good."""
        if self._interval < BUSY_SECONDS:
            self._empty_reads = 0
            await sleep.wake()
        else:
            self._unrung = not await self._rung.wait(SLOW_READ_SECONDS)
            self._measures.woke(rung=not self._unrung)

    async def _pause(self) -> None:
        await self._rung.wait(self._poll)
        self._poll = min(self._poll * 2, POLL_SECONDS)

    def _note(self, found: int) -> None:
        """Remember how fast events come, as a moving average of the time between reads that found some."""
        if found == 0:
            self._empty_reads += 1
            return
        if self._unrung:
            self._unrung = False
            self._listener.doubt()
        now = anyio.current_time()
        self._interval = 0.8 * self._interval + 0.2 * min(now - self._read_at, 1.0)
        self._read_at = now
        self._empty_reads = 0
        self._poll = FIRST_POLL_SECONDS


async def read_page(
    session: Session,
    place: Place,
    *,
    upper: Snapshot | None = None,
    statuses: Sequence[str] | None = None,
    jobs: str | None = None,
    filters: str | None = None,
    scanned: int = MOST_EVENTS,
) -> EventPage:
    """Read a page; a read that the server gave up, behind a lock say, is repeated and no reason to begin anew."""
    while True:
        try:
            return await read_events(
                session, place, upper=upper, statuses=statuses, jobs=jobs, filters=filters, scanned=scanned
            )
        except StatementAbortedError as error:
            log.warning("read_repeated", error=str(error))
            await anyio.sleep(POLL_SECONDS)


def hand_out(page: EventPage, members: Mapping[str, Held], routes: Routes) -> dict[Held, int]:
    """Give each member the events of a page that reach it; gives who got some, and how many."""
    shares: dict[str, list[RunEvent]] = {}
    for event in page.events:
        for name in routes.wanted_by(event):
            shares.setdefault(name, []).append(event)
    given = {members[name]: events for name, events in shares.items() if name in members}
    for held, events in given.items():
        held.hand(page, events)
    return {held: len(events) for held, events in given.items()}
