"""I2, I6: two real daemons on one database, killed, frozen, stopped and cut off at random: nothing lost or doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import asyncpg
import pytest

from support.daemons import record, until
from support.processes import environment

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(600)

SENSORS = """
import asyncio, random
import runbell as dg

@dg.run_status_sensor(run_status="SUCCESS", request_job="j")
async def swift(context):
    return dg.RunRequest()

@dg.run_status_sensor(run_status="SUCCESS", request_job="j")
async def waiting(context):
    await asyncio.sleep(random.random() * 0.05)
    return [dg.RunRequest(run_key=context.dagster_run.run_id), dg.RunRequest()]

@dg.run_status_sensor(run_status="SUCCESS", request_job="j")
def plain(context):
    yield dg.RunRequest()
"""
EACH = {"swift": 1, "waiting": 2, "plain": 1}


class Replica:
    """A `runbell serve` that is started again whenever it has ended."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self._folder, self._url, self._name = folder, url, name
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / f"{self._name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "runbell", "serve"],
                cwd=self._folder,
                env=environment(RUNBELL_DATABASE_URL=self._url, RUNBELL_SENSORS="shared_sensors"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            # A frozen process does not even notice SIGTERM; this one cannot be ignored.
            self.process.kill()
        if self.process is not None:
            self.process.wait()


@contextmanager
def replicas(folder: Path, url: str) -> Iterator[list[Replica]]:
    made = [Replica(folder, url, name) for name in ("one", "two")]
    try:
        for replica in made:
            replica.start()
        yield made
    finally:
        for replica in made:
            replica.end()


async def kill_sessions(session: Session, chance: random.Random) -> None:
    await session.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name LIKE 'runbell%' AND datname = current_database() AND hashint4(pid) % 3 = $1",
        chance.randrange(3),
    )


async def disturb(made: list[Replica], session: Session, seconds: float, seed: int) -> Counter[str]:
    """A fault every few hundred milliseconds."""
    chance = random.Random(seed)
    faults: Counter[str] = Counter()
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        await anyio.sleep(chance.uniform(0.2, 0.9))
        victim = chance.choice(made)
        fault = chance.choice(["kill", "freeze", "stop", "sessions"])
        faults[fault] += 1
        if fault == "kill":
            victim.send(signal.SIGKILL)
        elif fault == "stop":
            victim.send(signal.SIGTERM)
        elif fault == "freeze":
            victim.send(signal.SIGSTOP)
            # Longer than a lease now and then: the late writer has to be fenced off.
            await anyio.sleep(chance.choice([0.3, 1.0, 9.0]))
            victim.send(signal.SIGCONT)
        else:
            await kill_sessions(session, chance)
        for replica in made:
            if replica.process is not None and replica.process.poll() is not None:
                replica.start()
    return faults


async def write(url: str, seed: int, committed: set[str], stop: anyio.Event) -> None:
    chance = random.Random(seed)
    session = await asyncpg.connect(url)
    while not stop.is_set():
        run_id = f"w{seed}-{len(committed)}"
        await record(session, run_id)
        committed.add(run_id)
        await anyio.sleep(chance.expovariate(60))
    await session.close()


async def missing(session: Session) -> int:
    """How many requests are still to come."""
    return int(
        await session.fetchval(
            "SELECT (SELECT count(*) FROM runbell.run_events) * $1 - (SELECT count(*) FROM runbell.run_requests)",
            sum(EACH.values()),
        )
    )


async def test_i2_i6_two_daemons_under_every_fault_lose_and_double_nothing(
    database_url: str, connection: Session, tmp_path: Path
) -> None:
    (tmp_path / "shared_sensors.py").write_text(SENSORS)
    committed: set[str] = set()
    stop = anyio.Event()
    deployed = "SELECT count(*) = 3 FROM runbell.sensors"
    with replicas(tmp_path, database_url) as made:
        await until(lambda: connection.fetchval(deployed), seconds=30)
        async with anyio.create_task_group() as writers:
            for seed in range(3):
                writers.start_soon(write, database_url, seed, committed, stop)
            faults = await disturb(made, connection, float(os.environ.get("STORM_SECONDS", "25")), seed=5)
            stop.set()
        await until(lambda: missing(connection), lambda left: left <= 0, seconds=60)

    found = await connection.fetch(
        "SELECT q.sensor_name, e.run_id, q.ordinal FROM runbell.run_requests AS q "
        "JOIN runbell.run_events AS e USING (event_id)"
    )
    requests = Counter((row["sensor_name"], row["run_id"], row["ordinal"]) for row in found)
    expected = {
        (name, run_id, ordinal) for name, count in EACH.items() for run_id in committed for ordinal in range(count)
    }
    lost, doubled = len(expected - set(requests)), sum(count - 1 for count in requests.values())
    print(
        f"\nevents {len(committed)}, requests expected {len(expected)}, found {len(found)}, "
        f"lost {lost}, doubled {doubled}, faults {dict(faults)}"
    )
    assert set(requests) == expected
    assert doubled == 0
