"""Retention beside everything else: whatever the order of things, nothing goes that somebody has not answered."""

import random

import anyio
import anyio.lowlevel
import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.events import EventKey
from runbell.core.retention import Retention
from runbell.engine.retention import sweep_all
from runbell.store.places import place_of
from support.daemons import record, requested_keys, running, until
from support.places import passes

Session = asyncpg.Connection
# Whatever was recorded before this moment is old.
NOW = Retention(events=1e-6, requests=1e-6, ticks=1e-6, stopped=86_400.0)
FILTER = '{"statuses": ["SUCCESS"], "jobs": null, "scope": null, "own_runs": false}'
SENSORS = ("s", "t", "u")


async def at_once(_: float) -> None:
    """No pause between pages."""
    await anyio.lowlevel.checkpoint()


class World:
    """Sensors, writers and an operator, in any order; remembers what each of them has passed."""

    def __init__(self, url: str, seed: int) -> None:
        self.url = url
        self.chance = random.Random(seed)
        self.open: list[tuple[Session, object]] = []
        self.number = 0
        self.steps = [self.write, self.write, self.begin, self.end, self.move, self.move, self.stand_inside]
        self.steps += [self.evaluate_later, self.settle_later, self.move_back]

    async def connect(self) -> None:
        self.session = await asyncpg.connect(self.url)
        for name in SENSORS:
            await self.session.execute(
                "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position) "
                "VALUES ($1, 'm', true, $2, 1, pg_current_snapshot())",
                *(name, FILTER),
            )

    async def write(self) -> None:
        await record(self.session, "run")

    async def begin(self) -> None:
        """A transaction that writes and stays open."""
        if len(self.open) < 3:
            session = await asyncpg.connect(self.url)
            transaction = session.transaction()
            await transaction.start()
            self.number += 1
            await record(session, f"run-{self.number}")
            self.open.append((session, transaction))

    async def end(self) -> None:
        if self.open:
            session, transaction = self.open.pop(self.chance.randrange(len(self.open)))
            await (transaction.commit if self.chance.random() < 0.8 else transaction.rollback)()
            await session.close()

    async def move(self) -> None:
        """A sensor passes everything that is visible now."""
        await self.session.execute(
            "UPDATE runbell.sensors SET position = pg_current_snapshot(), upper = NULL, last_xid = NULL, "
            "last_event_id = NULL WHERE sensor_name = $1",
            self.chance.choice(SENSORS),
        )

    async def stand_inside(self) -> None:
        """A sensor stands inside a page of what it reads."""
        await self.session.execute(
            "UPDATE runbell.sensors SET upper = pg_current_snapshot(), last_xid = e.xid, last_event_id = e.event_id "
            "FROM (SELECT xid, event_id FROM runbell.run_events ORDER BY random() LIMIT 1) AS e WHERE sensor_name = $1",
            self.chance.choice(SENSORS),
        )

    async def evaluate_later(self) -> None:
        await self.session.execute(
            "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, due_at) "
            "SELECT 's', event_id, 'retry', 1, now() FROM runbell.run_events ORDER BY random() LIMIT 1 "
            "ON CONFLICT DO NOTHING"
        )

    async def settle_later(self) -> None:
        await self.session.execute(
            "DELETE FROM runbell.evaluations WHERE evaluation_id = (SELECT min(evaluation_id) FROM runbell.evaluations)"
        )

    async def move_back(self) -> None:
        """An operator sets a cursor to where another one stands."""
        await self.session.execute(
            "UPDATE runbell.sensors SET (position, upper, last_xid, last_event_id) = "
            "(SELECT position, upper, last_xid, last_event_id FROM runbell.sensors WHERE sensor_name = $2) "
            "WHERE sensor_name = $1",
            *self.chance.sample(SENSORS, 2),
        )

    async def awaited(self) -> set[int]:
        """The events that somebody still waits for, by the meaning of a place."""
        rows = await self.session.fetch(
            "SELECT position::text, upper::text, last_xid::text::bigint, last_event_id FROM runbell.sensors"
        )
        places = [place_of(row) for row in rows]
        events = await self.session.fetch("SELECT event_id, xid::text::bigint AS xid FROM runbell.run_events")
        waiting = {row[0] for row in await self.session.fetch("SELECT event_id FROM runbell.evaluations")}
        keys = [(row["xid"], row["event_id"]) for row in events]
        return {key[1] for key in keys if not all(passes(place, EventKey(*key)) for place in places)} | waiting

    async def close(self) -> None:
        for session, _ in self.open:
            await session.close()
        await self.session.close()


@pytest.mark.parametrize("seed", range(4))
async def test_i5_in_any_order_what_somebody_waits_for_stays(database_url: str, seed: int) -> None:
    world = World(database_url, seed)
    await world.connect()
    removed = 0
    for _ in range(60):
        for step in world.chance.choices(world.steps, k=world.chance.randrange(1, 4)):
            await step()
        awaited = await world.awaited()
        removed += (await sweep_all(world.session, NOW, at_once)).rows["events"]
        left = {row[0] for row in await world.session.fetch("SELECT event_id FROM runbell.run_events")}
        assert awaited <= left, f"gone, and awaited: {sorted(awaited - left)}"
        # What became visible in between is no matter; all else that nobody waits for is gone.
        assert left <= await world.awaited() | awaited
    await world.close()
    assert removed > 10


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def note(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


async def test_i1_a_sweep_that_never_rests_loses_nothing(database_url: str, connection: Session) -> None:
    recorded = [f"run-{n:03}" for n in range(300)]

    async def sweep_for_ever(session: Session) -> None:
        while True:
            await sweep_all(session, NOW, at_once)
            await anyio.lowlevel.checkpoint()

    async def write(session: Session, runs: list[str]) -> None:
        for run in runs:
            await record(session, run)

    sweeping, *writing = [await asyncpg.connect(database_url) for _ in range(4)]
    async with running(database_url, note), anyio.create_task_group() as tasks:
        tasks.start_soon(sweep_for_ever, sweeping)
        async with anyio.create_task_group() as writers:
            for place, session in enumerate(writing):
                writers.start_soon(write, session, recorded[place::3])
        keys = "SELECT count(*) FROM runbell.run_keys"
        await until(lambda: connection.fetchval(keys), lambda count: count >= len(recorded))
        tasks.cancel_scope.cancel()
    for session in (sweeping, *writing):
        session.terminate()

    answered = await connection.fetch("SELECT run_key FROM runbell.run_keys ORDER BY run_key")
    assert [row[0] for row in answered] == recorded
    assert set(await requested_keys(connection)) <= set(recorded)
    await sweep_all(connection, NOW, at_once)
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_events") == 0
