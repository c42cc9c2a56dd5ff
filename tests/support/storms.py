"""Faults for replicas, their database and their way to it: each undoes itself, or is undone by `mend`."""

import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import asyncpg

from runbell.sources import attaching
from runbell.sources.attaching import Attachment
from support.postgres import Server
from support.relays import Relay
from support.replicas import Replica
from support.writers import LOST

JOBS = Attachment(
    source="jobs",
    kind="table",
    settings={"schema": "public", "table": "jobs", "id": "id", "status": "status", "job": "job", "map": {}},
)
Fault = Callable[["Storm"], Awaitable[None]]


class Storm:
    """Draws faults from a seed.

    Attributes:
        faults: how many there were of each kind.
        hits: how many of them met work that was not settled yet.
    """

    def __init__(self, server: Server, url: str, made: dict[str, Replica], ways: dict[str, Relay], seed: int) -> None:
        self.server, self.url, self.made, self.ways = server, url, made, ways
        self.chance = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.hits = 0
        self._blocks = 0
        # Shuffled anew when it is used up: each kind comes in every storm.
        self._deck: list[str] = []

    async def strike(self) -> None:
        """One fault, after which every replica runs again (or is starting)."""
        if not self._deck:
            self._deck = [name for name, (_, often) in FAULTS.items() for _ in range(often)]
            self.chance.shuffle(self._deck)
        fault = self._deck.pop()
        self.faults[fault] += 1
        self.hits += await self._unsettled()
        await FAULTS[fault][0](self)
        for replica in self.made.values():
            replica.start()

    async def mend(self) -> None:
        """Undo what does not undo itself."""
        for name, replica in self.made.items():
            self.ways[name].silent = False
            replica.thaw()
            replica.start()
        await self.execute_for("SELECT 1", 30)
        await attach_jobs(self)

    async def execute(self, statement: str) -> None:
        """Tried once: the server may be away."""
        with suppress(*LOST):
            await self._fetchval(statement)

    async def execute_for(self, statement: str, seconds: float) -> None:
        """Tried until it is done."""
        with anyio.fail_after(seconds):
            while True:
                with suppress(*LOST):
                    await self._fetchval(statement)
                    return
                await anyio.sleep(0.1)

    def victim(self) -> Replica:
        return self.chance.choice(list(self.made.values()))

    def next_block(self) -> str:
        self._blocks += 1
        return f"block-{self._blocks}"

    async def _fetchval(self, statement: str) -> object:
        session = await asyncpg.connect(self.url, timeout=5, command_timeout=10)
        try:
            return await session.fetchval(statement)
        finally:
            session.terminate()

    async def _unsettled(self) -> bool:
        with suppress(*LOST):
            return bool(await self._fetchval(UNSETTLED))
        return False


# Of the newest events, one that a sensor has not answered.
UNSETTLED = """
    SELECT EXISTS (
        SELECT
        FROM (SELECT event_id FROM runbell.run_events WHERE status = 'SUCCESS' ORDER BY event_id DESC LIMIT 200) AS e
        WHERE NOT EXISTS (
            SELECT FROM runbell.run_requests AS q
            WHERE q.sensor_name = 'swift' AND q.event_id = e.event_id
        )
    )
"""
SOME_SESSIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE application_name LIKE 'runbell%' AND datname = current_database() AND random() < 0.4
"""


async def kill(storm: Storm) -> None:
    storm.victim().kill()


async def kill_a_worker(storm: Storm) -> None:
    if workers := storm.victim().workers:
        with suppress(ProcessLookupError):
            os.kill(storm.chance.choice(workers), signal.SIGKILL)


async def stop(storm: Storm) -> None:
    storm.victim().stop()


async def freeze(storm: Storm) -> None:
    """Longer than a lease now and then: the late writer has to be fenced off."""
    victim = storm.victim()
    victim.freeze()
    await anyio.sleep(storm.chance.choice([0.2, 0.5, 1.0, 11.0]))
    victim.thaw()


async def freeze_a_worker(storm: Storm) -> None:
    if workers := storm.victim().workers:
        with suppress(ProcessLookupError):
            os.kill(storm.chance.choice(workers), signal.SIGSTOP)


async def kill_sessions(storm: Storm) -> None:
    await storm.execute(SOME_SESSIONS)


async def restart_the_server(storm: Storm) -> None:
    mode = storm.chance.choice(["immediate", "fast"])
    await anyio.to_thread.run_sync(storm.server.restart, mode)


async def block(storm: Storm) -> None:
    await storm.execute(f"SELECT runbell.record_run_status('{storm.next_block()}', 'job', 'QUEUED')")


async def cut_the_network(storm: Storm) -> None:
    way = storm.chance.choice(list(storm.ways.values()))
    way.silent = True
    await anyio.sleep(storm.chance.choice([0.3, 1.0, 3.0, 11.0]))
    way.silent = False


async def drop_the_trigger(storm: Storm) -> None:
    await storm.execute(
        "DO $$ DECLARE t record; BEGIN FOR t IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.jobs'::regclass "
        "AND NOT tgisinternal LOOP EXECUTE format('DROP TRIGGER %I ON public.jobs', t.tgname); END LOOP; END $$"
    )


async def attach_jobs(storm: Storm) -> None:
    with suppress(*LOST):
        session = await asyncpg.connect(storm.url, timeout=5)
        try:
            await attaching.attach(session, JOBS)
        finally:
            session.terminate()


FAULTS: dict[str, tuple[Fault, int]] = {
    "replica killed": (kill, 2),
    "worker killed": (kill_a_worker, 2),
    "replica stopped": (stop, 2),
    "replica frozen": (freeze, 1),
    "worker frozen": (freeze_a_worker, 1),
    "sessions killed": (kill_sessions, 3),
    "server restarted": (restart_the_server, 1),
    "sensor blocked": (block, 1),
    "network dropped": (cut_the_network, 1),
    "trigger dropped": (drop_the_trigger, 1),
    "trigger back": (attach_jobs, 1),
}
