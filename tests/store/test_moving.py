"""I1, I5: a cursor that is moved by hand skips nothing, whatever transactions are open around it.

HYPOTHESIS_EXAMPLES=500 looks for longer.
"""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbell.core.places import Place
from runbell.store.cursors import Moment, count_between_places, read_place_at, set_place
from runbell.store.events import read_events
from support import databases, postgres
from support.daemons import record

T = TypeVar("T")
Session = asyncpg.Connection
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "200"))
WRITERS = 3

# What happens around the move: a writer begins or writes, commits, or rolls back.
steps = st.lists(
    st.tuples(st.integers(0, WRITERS - 1), st.sampled_from(["write", "write", "write", "commit", "roll back"])),
    max_size=25,
)


@dataclass
class History:
    """What was written, and what of it has been committed, by event id."""

    open: dict[int, list[int]] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)


class Bench:
    """Sessions on a database of their own, and one loop to use them from tests that know nothing of loops."""

    def __init__(self, server: postgres.Server) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._stack = AsyncExitStack()
        url = self.run(self._stack.enter_async_context(databases.fresh_database(server, databases.TEMPLATE)))
        self.admin, *self.writers = [self.run(self._connect(url)) for _ in range(WRITERS + 1)]

    async def _connect(self, url: str) -> Session:
        session = await asyncpg.connect(url)
        self._stack.push_async_callback(session.close)
        return session

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(what)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def empty(self) -> None:
        await self.admin.execute("DELETE FROM runbell.run_events; DELETE FROM runbell.sensors")
        await self.admin.execute(
            "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)"
            " VALUES ('s', 'm', true, '{}', 0, pg_current_snapshot())"
        )

    async def take(self, history: History, writer: int, step: str) -> None:
        session = self.writers[writer]
        if step == "write":
            if writer not in history.open:
                await session.execute("BEGIN")
                history.open[writer] = []
            history.open[writer].append(await record(session, f"r{writer}"))
        elif writer in history.open:
            written = history.open.pop(writer)
            await session.execute("COMMIT" if step == "commit" else "ROLLBACK")
            if step == "commit":
                history.committed.update(written)

    async def commit_all(self, history: History) -> None:
        for writer in sorted(history.open):
            await self.take(history, writer, "commit")


@pytest.fixture(scope="module")
def bench(server: postgres.Server) -> Iterator[Bench]:
    made = Bench(server)
    yield made
    made.close()


async def unseen(session: Session, place: Place) -> set[int]:
    """What a sensor comes by from there on, page by page."""
    found: set[int] = set()
    while True:
        page = await read_events(session, place, scanned=3)
        found.update(event.event_id for event in page.events)
        place = page.end
        if not page.full:
            return found


async def moved(bench: Bench, before: list, after: list, target: str, share: float) -> None:
    await bench.empty()
    history = History()
    for writer, step in before:
        await bench.take(history, writer, step)
    known = sorted(history.committed | {one for written in history.open.values() for one in written})
    aim = known[int(share * (len(known) - 1))] if known else 0
    seen_before, open_then = set(history.committed), {one for written in history.open.values() for one in written}
    moment = Moment() if target == "now" else Moment(event_id=aim if target == "event" else -1)

    place = await read_place_at(bench.admin, moment)
    await set_place(bench.admin, "s", place)
    for writer, step in after:
        await bench.take(history, writer, step)
    await bench.commit_all(history)

    found = await unseen(bench.admin, place)
    # Everything after it, whenever it was committed; and whatever had not ended by then.
    due = {one for one in history.committed if moment.event_id is not None and one > moment.event_id}
    due |= history.committed - seen_before
    assert due <= found <= history.committed, (sorted(due - found), place)
    if target == "now":
        assert found == due
    assert open_then & history.committed <= found
    stored = await bench.admin.fetchval("SELECT position::text FROM runbell.sensors")
    assert stored == str(place.position)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(before=steps, after=steps, target=st.sampled_from(["event", "event", "now", "beginning"]), share=st.floats(0, 1))
def test_i1_a_moved_cursor_skips_nothing_whatever_is_open(
    bench: Bench, before: list, after: list, target: str, share: float
) -> None:
    bench.run(moved(bench, before, after, target, share))


@pytest.mark.parametrize("ends", ["before", "after"])
def test_i1_the_order_of_ids_and_of_transactions_may_differ(bench: Bench, ends: str) -> None:
    """The last of three events lies in the transaction that began first, whether that has ended or not."""
    written = [(0, "write"), (1, "write"), (0, "write"), (1, "commit")]
    end = [(0, "commit")]

    bench.run(moved(bench, written + (end if ends == "before" else []), end, "event", 0.0))


def test_a_moment_is_the_first_event_that_belongs_to_it(bench: Bench) -> None:
    async def at(seconds: float) -> set[int]:
        return await unseen(bench.admin, await read_place_at(bench.admin, Moment(recorded_at=seconds)))

    async def play() -> None:
        await bench.empty()
        ids = []
        for minute in range(3):
            ids.append(await record(bench.admin, f"r{minute}"))
            await bench.admin.execute(
                "UPDATE runbell.run_events SET recorded_at = to_timestamp($1) WHERE event_id = $2",
                minute * 60.0,
                ids[-1],
            )
        assert await at(60.0) == set(ids[1:])
        assert await at(61.0) == set(ids[2:])
        assert await at(1e9) == set()
        assert await at(-1e9) == set(ids)

    bench.run(play())


def test_what_lies_between_two_places_is_counted_both_ways(bench: Bench) -> None:
    async def play() -> None:
        await bench.empty()
        places = [await read_place_at(bench.admin, Moment())]
        for number in range(3):
            await record(bench.admin, f"r{number}")
            places.append(await read_place_at(bench.admin, Moment()))
        forward = await count_between_places(bench.admin, places[0], places[2])
        back = await count_between_places(bench.admin, places[3], places[1])
        never = await count_between_places(bench.admin, None, places[1])
        assert (sum(forward.passed.values()), sum(forward.brought_back.values())) == (2, 0)
        assert (sum(back.passed.values()), sum(back.brought_back.values())) == (0, 2)
        assert (sum(never.passed.values()), sum(never.brought_back.values())) == (0, 2)
        within = places[0].at(places[3].position, (await read_events(bench.admin, places[0])).events[0].key)
        half = await count_between_places(bench.admin, within, places[3])
        assert sum(half.passed.values()) == 2

    bench.run(play())
