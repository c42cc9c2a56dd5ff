"""How long each sensor is silent when the replica that holds its lease is lost, and that nothing is lost or doubled.

`ROUNDS=20` repeats each loss so often. The silence of a sensor is the longest time from recording a status change to
writing the run that it requests, from the loss until everything is answered again.
"""

import os
import signal
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.ops import schema
from support.daemons import until
from support.postgres import Server, private_server
from support.relays import Relay, relay
from support.replicas import Replica, replicas
from support.writers import LOST, writing

pytestmark = pytest.mark.timeout(900)

ROUNDS = int(os.environ.get("ROUNDS", "1"))
SENSORS = """
import time
import runbell as dg

def answering(name):
    @dg.run_status_sensor(name=name, run_status="SUCCESS", request_job="j")
    async def answer(context):
        return dg.RunRequest(run_key=context.dagster_run.run_id)
    return answer

a, b, c, d, e, f = map(answering, "abcdef")

@dg.run_status_sensor(run_status="QUEUED", request_job="j")
async def blocking(context):
    time.sleep(3600)
"""
DATABASE = "postgres"
HELD = """
    SELECT count(*) FILTER (WHERE s.lease_holder IS NOT NULL) = 7
        AND count(DISTINCT s.lease_holder) = $1
    FROM runbell.sensors AS s
    JOIN runbell.daemons AS d ON d.daemon_id = s.lease_holder
    WHERE d.role IN ('active', 'apart')
"""
SILENCE = """
    SELECT q.sensor_name, extract(EPOCH FROM max(q.requested_at - e.recorded_at))::float8 AS seconds
    FROM runbell.run_requests AS q
    JOIN runbell.run_events AS e USING (event_id)
    WHERE e.event_id > $1 AND e.status = 'SUCCESS'
    GROUP BY q.sensor_name
"""
LEFT = """
    SELECT (SELECT count(*) FROM runbell.run_events WHERE status = 'SUCCESS') * 6
        - (SELECT count(*) FROM runbell.run_requests)
"""
LAST_EVENT = "SELECT coalesce(max(event_id), 0) FROM runbell.run_events"


class Scene:
    """Two replicas that share seven sensors: one that is about to be lost, and one that stays."""

    def __init__(self, server: Server, lossy: Relay, made: dict[str, Replica]) -> None:
        self.server, self.lossy, self.made = server, lossy, made

    @property
    def victim(self) -> Replica:
        return self.made["victim"]

    async def ask(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """On a session of its own: the server may have been restarted meanwhile. Empty while it is away."""
        with suppress(*LOST):
            session = await asyncpg.connect(self.server.url(DATABASE), timeout=2)
            try:
                return list(await session.fetch(query, *arguments))
            finally:
                session.terminate()
        return []

    async def value(self, query: str, *arguments: object) -> int | None:
        rows = await self.ask(query, *arguments)
        return rows[0][0] if rows else None

    async def settled(self) -> None:
        """Both hold leases, none is free."""
        await until(lambda: self.value(HELD, 2), seconds=40, every=0.05)

    async def longest_silences(self, lose: "Callable[[Scene], Awaitable[None]]", seconds: float) -> list[float]:
        """Of each sensor, from the loss until all that was written is answered."""
        start = await self.value(LAST_EVENT) or 0
        async with writing(self.server.url(DATABASE), writers=2, per_second=50):
            await until(lambda: self.value(LAST_EVENT), lambda last: last is not None and last > start + 20)
            before = await self.value(LAST_EVENT)
            await lose(self)
            await anyio.sleep(seconds)
        await until(lambda: self.value(LEFT), lambda left: left is not None and left <= 0, seconds=30)
        return [row["seconds"] for row in await self.ask(SILENCE, before)]


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    with private_server() as server:
        url = server.url(DATABASE)
        await schema.migrate(url)
        async with relay(server) as lossy:
            urls = {"victim": lossy.url(DATABASE), "stays": url}
            with replicas(folder, urls, SENSORS) as made:
                yield Scene(server, lossy, made)


async def stop(scene: Scene) -> None:
    scene.victim.stop()


async def kill(scene: Scene) -> None:
    scene.victim.kill()


async def kill_a_worker(scene: Scene) -> None:
    for pid in scene.victim.workers:
        os.kill(pid, signal.SIGKILL)


async def freeze(scene: Scene) -> None:
    scene.victim.freeze()


async def cut_the_network(scene: Scene) -> None:
    scene.lossy.silent = True


async def restart_the_server(scene: Scene) -> None:
    await anyio.to_thread.run_sync(scene.server.restart, "immediate")


async def block_a_worker(scene: Scene) -> None:
    await scene.ask("SELECT runbell.record_run_status('blocks', 'job', 'QUEUED')")


LOSSES: dict[str, tuple[Callable[[Scene], Awaitable[None]], float, float]] = {
    # How, how long to watch, and the longest silence that is bearable, in seconds.
    "SIGTERM": (stop, 2, 1.0),
    "SIGKILL": (kill, 3, 2.5),
    "its processes SIGKILLed": (kill_a_worker, 3, 3.0),
    "SIGSTOP": (freeze, 12, 12.0),
    "network cut": (cut_the_network, 12, 12.0),
    "PostgreSQL restarted": (restart_the_server, 3, 5.0),
    "a worker blocked": (block_a_worker, 3, 3.0),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_i2_i4_a_replica_that_is_lost_silences_no_sensor_for_long(loss: str, tmp_path: Path) -> None:
    lose, seconds, bearable = LOSSES[loss]
    silences: list[float] = []
    doubled = 0
    for number in range(ROUNDS):
        # Each on a server of its own: a sensor that has blocked once is known, and blocks nobody the second time.
        folder = tmp_path / str(number)
        folder.mkdir()
        async with scene(folder) as at:
            at.victim.start()
            await at.settled()
            silences += await at.longest_silences(lose, seconds)
            at.lossy.silent = False
            at.victim.thaw()
            if lose in {freeze, cut_the_network}:
                # It comes back with leases that are no longer its own.
                await anyio.sleep(1)
            left = await at.value(LEFT)
        assert left is not None
        doubled -= left
    print(
        f"\n{loss}: longest silence of a sensor over {ROUNDS} rounds: "
        f"p50 {statistics.median(silences):.3f} s, max {max(silences):.3f} s; lost 0, doubled {doubled}"
    )
    assert doubled == 0
    assert len(silences) == 6 * ROUNDS
    assert max(silences) < bearable
