"""I1, I2, I3: SIGKILL of the real process at random moments; the exact set of requests at the end.

A kill counts as a hit when events were unsettled at its moment: recorded, matching, and without a request.
"""

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
from support.log_files import LogFile
from support.processes import environment

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(600)
# To count what is unsettled takes the server longer than to settle it, if it is asked all the time.
A_COUNT_SECONDS = 0.05

SENSORS = """
import asyncio, os, random
import runbell as dg

def note(name, run_id):
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(f"{name} {run_id}\\n")

@dg.run_status_sensor(run_status="SUCCESS", request_job="keyed_job")
async def keyed(context):
    run_id = context.dagster_run.run_id
    note("keyed", run_id)
    await asyncio.sleep(random.random() * 0.02)
    return dg.RunRequest(run_key=run_id)

@dg.run_status_sensor(run_status="SUCCESS", request_job="plain_job")
def unkeyed(context):
    note("unkeyed", context.dagster_run.run_id)
    yield dg.RunRequest(tags={"n": "1"})
    yield dg.RunRequest(tags={"n": "2"})

soon = dg.RetryPolicy(attempts=100, backoff_seconds=0.05, max_backoff_seconds=0.2)

@dg.run_status_sensor(run_status="SUCCESS", request_job="j", retry=soon)
async def failing(context):
    note("failing", context.dagster_run.run_id)
    if random.random() < 0.3:
        raise OSError("now and then")
    return dg.RunRequest()
"""


@contextmanager
def serving(folder: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """A `runbell serve` of its own, killed at the end if it still lives."""
    log = (folder / "log.jsonl").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "runbell", "serve"],
        cwd=folder,
        env=environment(
            RUNBELL_DATABASE_URL=url,
            RUNBELL_SENSORS="storm_sensors",
            RUNBELL_HTTP_PORT="0",
            CALLS=str(folder / "calls"),
        ),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        log.close()


async def unsettled(session: Session) -> int:
    """How many (sensor, event) pairs have no request yet."""
    return int(
        await session.fetchval(
            "SELECT 3 * count(*) FILTER (WHERE status = 'SUCCESS') - (SELECT count(DISTINCT (sensor_name, event_id)) "
            "FROM runbell.run_requests) FROM runbell.run_events WHERE job_name = 'storm'"
        )
    )


async def write(url: str, seed: int, ends_at: list[float], committed: set[str]) -> None:
    chance = random.Random(seed)
    session = await asyncpg.connect(url)
    while time.monotonic() < ends_at[0]:
        run_id = f"w{seed}-{len(committed)}"
        async with session.transaction():
            await record(session, run_id, job="storm")
            await anyio.sleep(chance.expovariate(200))
        committed.add(run_id)
        await anyio.sleep(chance.expovariate(40))
    await session.close()


async def kill_again_and_again(
    folder: Path, url: str, session: Session, kills: int, *, after_settling: int = 0
) -> tuple[int, list[int]]:
    """Start the daemon and kill it, `kills` times; gives how many kills hit unsettled work, and how much each time.

    With `after_settling`, each kill waits until so many pairs have been settled since the start.
    """
    chance = random.Random(11)
    hits: list[int] = []
    log = log_of(folder)
    for _ in range(kills):
        before = len(log.events("daemon_started"))
        with serving(folder, url) as process:
            await started(log, before + 1)
            if after_settling:
                most = await unsettled(session) - after_settling
                await until(lambda: unsettled(session), most.__ge__, every=A_COUNT_SECONDS)
            else:
                # A take-over waits for a quarter of a second; most of this range lies behind it.
                await anyio.sleep(chance.uniform(0.1, 1.2))
            hits.append(await unsettled(session))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    return sum(1 for hit in hits if hit), hits


def log_of(folder: Path) -> LogFile:
    return LogFile(folder / "log.jsonl", mixed=True)


async def started(log: LogFile, times: int) -> None:
    """Wait until a daemon has started so often."""

    async def enough() -> bool:
        return len(log.events("daemon_started")) >= times

    await until(enough, seconds=30)


async def deploy_once(folder: Path, url: str) -> None:
    """The sensors start at their first deployment; what comes after it is never skipped."""
    with serving(folder, url):
        await started(log_of(folder), 1)


async def test_i2_i3_sigkill_at_random_moments_leaves_the_exact_set_of_requests(
    database_url: str, connection: Session, tmp_path: Path
) -> None:
    kills = int(os.environ.get("KILLS", "20"))
    (tmp_path / "storm_sensors.py").write_text(SENSORS)
    await deploy_once(tmp_path, database_url)
    committed: set[str] = set()
    ends_at = [time.monotonic() + 3600]
    async with anyio.create_task_group() as writers:
        for seed in range(4):
            writers.start_soon(write, database_url, seed, ends_at, committed)
        hit, hits = await kill_again_and_again(tmp_path, database_url, connection, kills)
        ends_at[0] = 0.0
    with serving(tmp_path, database_url):
        await until(lambda: unsettled(connection), lambda left: left == 0, seconds=60, every=A_COUNT_SECONDS)
        await until(lambda: connection.fetchval("SELECT count(*) = 0 FROM runbell.evaluations"), seconds=60)

    found = await connection.fetch(
        "SELECT q.sensor_name, e.run_id, q.run_key, q.ordinal FROM runbell.run_requests AS q "
        "JOIN runbell.run_events AS e USING (event_id)"
    )
    requests = Counter((row["sensor_name"], row["run_id"], row["ordinal"]) for row in found)
    expected = {(name, run_id, 0) for name in ("keyed", "unkeyed", "failing") for run_id in committed}
    expected |= {("unkeyed", run_id, 1) for run_id in committed}
    calls = Counter((tmp_path / "calls").read_text().splitlines())
    repeated = sum(count - 1 for call, count in calls.items() if not call.startswith("failing"))
    print(
        f"\nkills {kills}, of which hit unsettled work {hit} (pairs unsettled at each: {hits}); "
        f"events {len(committed)}, requests expected {len(expected)}, found {len(found)}, "
        f"calls repeated after a kill {repeated}"
    )
    assert hit >= kills * 3 // 4
    assert set(requests) == expected
    assert set(requests.values()) == {1}
    assert all(row["run_key"] == row["run_id"] for row in found if row["sensor_name"] == "keyed")
    # I3: a call is repeated only when its result was not committed: those that a kill caught between call and commit.
    assert repeated <= sum(hits)


async def test_i1_a_backlog_is_paged_across_sigkills(database_url: str, connection: Session, tmp_path: Path) -> None:
    (tmp_path / "storm_sensors.py").write_text(SENSORS)
    await deploy_once(tmp_path, database_url)
    await connection.execute(
        "SELECT runbell.record_run_status('r' || n, 'storm', 'SUCCESS') FROM generate_series(1, 6000) AS n"
    )
    hit, hits = await kill_again_and_again(tmp_path, database_url, connection, 4, after_settling=700)
    with serving(tmp_path, database_url):
        await until(lambda: unsettled(connection), lambda left: left == 0, seconds=120, every=A_COUNT_SECONDS)
    counts = await connection.fetch(
        "SELECT sensor_name, count(*) AS found, count(DISTINCT (event_id, ordinal)) AS different "
        "FROM runbell.run_requests GROUP BY sensor_name ORDER BY sensor_name"
    )
    print(f"\nkills 4, of which hit unsettled work {hit} (pairs unsettled at each: {hits})")

    assert hit >= 3
    assert [tuple(row) for row in counts] == [("failing", 6000, 6000), ("keyed", 6000, 6000), ("unkeyed", 12000, 12000)]
