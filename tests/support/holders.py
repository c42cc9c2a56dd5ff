"""Daemons reduced to what they say to the server: they hold leases, read, settle, and may be wrong about all of it."""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid4

import asyncpg

from runbell.core.events import EventKey
from runbell.core.places import Place, Snapshot
from runbell.core.progress import Evaluation, Page, Progress, Settlement
from runbell.core.requests import Conclusion
from runbell.store.daemons import Identity
from runbell.store.evaluations import find_due_evaluations, read_events_by_id
from runbell.store.events import read_events
from runbell.store.sensors import Offered, read_sensors, release_leases, take_leases
from runbell.store.settling import Settled, settle
from support.places import passes

Session = asyncpg.Connection
SENSORS = ("one", "two")
One = tuple[str, Evaluation]


class Holder:
    """One daemon's memory, and what it does with it."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.identity = Identity(uuid4(), "a_module", None, "offer", "here", 1)
        self.arrival = 0
        self.sent: list[Settlement] = []
        self.forget()

    def forget(self) -> None:
        """The end of a term, or of the process: nothing is remembered."""
        self.progress: dict[str, Progress] = {}
        self.unfinished: list[One] = []
        self._running: set[tuple[str, int]] = set()

    def drop(self, name: str) -> None:
        self.progress.pop(name, None)
        self.unfinished = [one for one in self.unfinished if one[0] != name]
        self._running = {key for key in self._running if key[0] != name}

    async def take(self, offered: Iterable[Offered], dead: Sequence[UUID], count: int, *, again: bool = False) -> None:
        """Take leases, then read places, then what was left running: each in a statement of its own."""
        if again:
            self.forget()
        missing = {one.sensor_name: one.filter_hash for one in offered if one.sensor_name not in self.progress}
        taken = await take_leases(self.session, self.identity.daemon_id, missing, dead=dead, count=count)
        for row in await read_sensors(self.session, taken, self.identity.daemon_id):
            assert row.place is not None
            self.progress[row.sensor_name] = Progress(row.sensor_name, row.lease_epoch, row.place, row.place)
        if taken:
            await self._call(await find_due_evaluations(self.session, taken, running=True))

    async def call_due(self) -> None:
        """Call retries that do not run here already."""
        await self._call(await find_due_evaluations(self.session, self.progress, running=False))

    async def _call(self, due: Iterable[object]) -> None:
        ripe = [row for row in due if (row.sensor_name, row.event_id) not in self._running]  # type: ignore[attr-defined]
        for waiting in await read_events_by_id(self.session, [row.evaluation_id for row in ripe]):  # type: ignore[attr-defined]
            assert waiting.event is not None
            self._running.add((waiting.sensor_name, waiting.event.event_id))
            again = Evaluation(waiting.event, waiting.replay, waiting.attempts, recorded=True)
            self.unfinished.append((waiting.sensor_name, again))

    async def read(self, name: str, scanned: int) -> None:
        """Read a page of a sensor's events."""
        progress = self.progress.get(name)
        if progress is None:
            return
        page = await read_events(self.session, progress.ahead, scanned=scanned)
        found = sorted((Evaluation(event) for event in page.events), key=lambda e: (e.event.xid, e.event.event_id))
        if found:
            progress.hand(Page(page.start, page.upper, page.end, found))
            self.unfinished += [(name, evaluation) for evaluation in found]
        progress.ahead = page.end

    def finish(self, one: One, conclusion: Conclusion) -> None:
        name, evaluation = one
        self.unfinished.remove(one)
        evaluation.conclusion = conclusion
        evaluation.retry_in = 0.0 if conclusion.outcome == "failed" and not conclusion.final else None
        self.progress[name].finish(evaluation)

    def plan(self, now: float, limit: int) -> list[Settlement]:
        planned = [progress.plan(now, limit) for progress in self.progress.values()]
        return [settlement for settlement in planned if settlement is not None]

    async def settle(self, planned: Sequence[Settlement], session: Session | None = None) -> Settled:
        return await settle(session or self.session, planned)

    def apply(self, planned: Sequence[Settlement], sensors: set[str]) -> None:
        """Remember what took effect; who was refused looks later."""
        for settlement in planned:
            if settlement.sensor_name in sensors:
                self.sent.append(settlement)
                self.progress[settlement.sensor_name].settled(settlement)
                done = {(settlement.sensor_name, e.event.event_id) for e in settlement.finished}
                self._running -= done
                self._running |= {(settlement.sensor_name, e.event.event_id) for e in settlement.overtaken}

    async def move_idle(self) -> None:
        moves = [move for progress in self.progress.values() if (move := progress.idle_move()) is not None]
        self.apply(moves, (await self.settle(moves)).sensors)

    async def release(self) -> None:
        """Give up what is quiet."""
        busy = {name for name, _ in self.unfinished}
        quiet = [name for name, held in self.progress.items() if name not in busy and not held.has_finished]
        for name in quiet:
            self.drop(name)
        await release_leases(self.session, self.identity.daemon_id, quiet)

    async def look(self) -> None:
        """Drop what somebody else holds."""
        rows = await self.session.fetch(
            "SELECT sensor_name, lease_epoch FROM runbell.sensors WHERE lease_holder = $1", self.identity.daemon_id
        )
        held = {row["sensor_name"]: row["lease_epoch"] for row in rows}
        for name, progress in list(self.progress.items()):
            if held.get(name) != progress.lease_epoch:
                self.drop(name)


async def passed(session: Session) -> set[tuple[str, int]]:
    """Which events the stored places lie beyond, by the definition of a place."""
    rows = await session.fetch(
        "SELECT sensor_name, event_id, xid::text::bigint AS xid, position::text, upper::text, "
        "last_xid::text::bigint AS last_xid, last_event_id FROM runbell.sensors, "
        "(SELECT event_id AS id, event_id, xid FROM runbell.run_events) AS e"
    )
    return {
        (row["sensor_name"], row["event_id"])
        for row in rows
        if passes(_place(row), EventKey(row["xid"], row["event_id"]))
    }


def _place(row: asyncpg.Record) -> Place:
    if row["upper"] is None:
        return Place(Snapshot.parse(row["position"]))
    last = EventKey(row["last_xid"], row["last_event_id"])
    return Place(Snapshot.parse(row["position"]), Snapshot.parse(row["upper"]), last)
