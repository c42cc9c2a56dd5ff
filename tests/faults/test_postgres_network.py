"""Packets between a daemon and the database are dropped without a word, and arrive again later (I2, I6).

Neither side hears of it: the daemon notices by its own deadlines, a replica elsewhere takes over within the lease time,
and what the first still sends when the network is back comes too late. `CUT_SECONDS=60` cuts for longer.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.core.leases import LEASE_SECONDS
from runbell.ops.schema import migrate
from support.daemons import record, until
from support.networks import Network, network
from support.postgres import Server, private_server, psql
from support.processes import environment
from support.serving import Serving, serving
from support.writers import writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(600)
CUT_SECONDS = float(os.environ.get("CUT_SECONDS", "15"))

# `slow` is on its way at every moment: what it finishes while the network is cut is sent into the void.
SENSORS = """
import anyio
import runbell

@runbell.run_status_sensor(run_status="SUCCESS", request_job="j")
async def swift(context):
    return runbell.RunRequest(tags={"run": context.dagster_run.run_id})

@runbell.run_status_sensor(run_status="SUCCESS", request_job="j", max_concurrent=500)
async def slow(context):
    await anyio.sleep(2)
    return runbell.RunRequest(tags={"run": context.dagster_run.run_id})

@runbell.run_status_sensor(run_status="SUCCESS", request_job="j")
def plain(context):
    return runbell.RunRequest(tags={"run": context.dagster_run.run_id})
"""


@contextmanager
def serving_in(net: Network, folder: Path, url: str) -> Iterator[Serving]:
    """`serve` in a network of its own."""
    folder.mkdir()
    (folder / "sensors.py").write_text(SENSORS)
    log, errors = folder / "log", folder / "errors"
    with log.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            [*net.command, sys.executable, "-m", "runbell", "serve"],
            cwd=folder,
            env=environment(RUNBELL_DATABASE_URL=url, RUNBELL_LOG_FORMAT="json"),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Serving(process, log, errors)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


@contextmanager
def reachable_server(net: Network) -> Iterator[Server]:
    with private_server(tcp=True, synchronous_commit="on", listen_addresses="*") as server:
        with (server.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {net.server}/30 trust\n")
        psql(server.url("postgres"), "SELECT pg_reload_conf()")
        yield server


async def logged(serve: Serving, name: str, count: int) -> float:
    """Wait until an event has been logged so often; the moment."""

    async def enough() -> bool:
        return len(serve.events(name)) >= count

    await until(enough, seconds=40)
    return time.monotonic()


async def holders(session: Session) -> set[str]:
    rows = await session.fetch("SELECT DISTINCT lease_holder::text AS holder FROM runbell.sensors")
    return {row["holder"] for row in rows}


async def test_i2_i6_a_cut_network_is_noticed_taken_over_and_fenced(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    with network() as net, reachable_server(net) as server:
        here = server.url("postgres")
        await migrate(here)
        session = await asyncpg.connect(here)
        with serving_in(net, tmp_path / "inside", here.replace("127.0.0.1", net.server)) as inside:
            await logged(inside, "daemon_started", 1)
            with serving(tmp_path / "outside", here, sensors=SENSORS) as outside:
                await logged(outside, "daemon_started", 1)
                await anyio.sleep(1)
                mine = str(inside.events("daemon_started")[0]["daemon_id"])
                assert mine in await holders(session)
                async with writing(here, writers=2, per_second=20) as writers:
                    await until(lambda: reached(writers.committed, 60))
                    lost_before = len(inside.events("database_lost"))
                    net.drop()
                    cut_at = time.monotonic()
                    await until(lambda: is_gone(session, mine), seconds=30)
                    taken_after = time.monotonic() - cut_at
                    noticed_after = await logged(inside, "database_lost", lost_before + 1) - cut_at
                    await anyio.sleep(max(0, CUT_SECONDS - (time.monotonic() - cut_at)))
                    await record(session, "during")
                    net.mend()
                    mended_at = time.monotonic()
                    back_after = await logged(inside, "listener_reconnected", 1) - mended_at
                events = await compare_all(session, writers.committed | {"during"})
                assert inside.end() == 0
                assert outside.end() == 0
        await session.close()
    print(
        f"\ncut for {CUT_SECONDS:g} s: events {events}, noticed after {noticed_after:.1f} s, leases taken over after "
        f"{taken_after:.1f} s (lease {LEASE_SECONDS:g} s), back {back_after:.1f} s after the network was"
    )

    assert taken_after < LEASE_SECONDS + 5
    assert noticed_after < 14


async def reached(committed: set[str], count: int) -> bool:
    return len(committed) >= count


async def is_gone(session: Session, daemon_id: str) -> bool:
    return daemon_id not in await holders(session)


async def compare_all(session: Session, committed: set[str]) -> int:
    events = {row[0] for row in await session.fetch("SELECT run_id FROM runbell.run_events")}
    expected = sorted((name, run_id) for run_id in events for name in ("swift", "slow", "plain"))

    async def found() -> list[tuple[str, str]]:
        rows = await session.fetch("SELECT sensor_name, tags ->> 'run' FROM runbell.run_requests")
        return sorted((row[0], row[1]) for row in rows)

    await until(found, lambda now: len(now) >= len(expected), seconds=60)
    assert await found() == expected
    assert committed <= events
    return len(events)
