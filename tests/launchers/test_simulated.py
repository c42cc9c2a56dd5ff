"""The simulated orchestrator: what it records is what a real one would."""

import json
import signal
import subprocess
import sys
from typing import TypeAlias

import anyio
import asyncpg
from anyio import to_thread

from runbell.launchers.options import LaunchOptions
from runbell.launchers.simulated.demo import simulated_orchestrator
from runbell.launchers.simulated.jobs import EXTRACT_ORDERS
from runbell.launchers.simulated.runs import SimulatedRun, simulated_runs
from runbell.launchers.simulated.schedule import SOURCE
from support.processes import environment, runbell

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OPTIONS = LaunchOptions(consumer="test", targets=(SOURCE,))


async def until_ended(connection: Connection, ended: int) -> None:
    with anyio.fail_after(15):
        while (
            await connection.fetchval("SELECT count(*) FROM runbell.runs WHERE status IN ('SUCCESS', 'FAILURE')")
            < ended
        ):
            await anyio.sleep(0.02)


async def statuses(connection: Connection, run_id: str) -> list[str]:
    rows = await connection.fetch("SELECT status FROM runbell.run_events WHERE run_id = $1 ORDER BY event_id", run_id)
    return [row["status"] for row in rows]


async def test_a_requested_run_goes_through_its_statuses_with_the_requests_tags(
    database_url: str, connection: Connection
) -> None:
    async with simulated_orchestrator(database_url, OPTIONS, scheduled=False):
        request_id = await connection.fetchval(
            """
            INSERT INTO runbell.run_requests
                (sensor_name, event_id, ordinal, target, job_name, partition_key, run_config, tags)
            VALUES ('chain', 1, 0, 'simulated', 'my_job', 'p1', '{"limit": 1e3}', '{"team": "sales"}')
            RETURNING request_id
            """
        )
        await connection.execute("SELECT runbell.ring('runbell_requests')")
        await until_ended(connection, 1)

    request = await connection.fetchrow("SELECT * FROM runbell.run_requests WHERE request_id = $1", request_id)
    run = await connection.fetchrow("SELECT * FROM runbell.runs")
    assert request is not None
    assert run is not None
    assert (request["state"], request["run_id"]) == ("launched", run["run_id"])
    assert (run["source"], run["job_name"], run["partition_key"]) == ("simulated", "my_job", "p1")
    assert json.loads(run["tags"]) == {"team": "sales", "runbell/request_id": str(request_id)}
    assert json.loads(run["run_config"]) == {"limit": 1000}
    assert await statuses(connection, run["run_id"]) == ["QUEUED", "STARTING", "STARTED", "SUCCESS"]


async def test_runs_fail_by_count_with_the_failed_step_and_its_error(database_url: str, connection: Connection) -> None:
    number, of = EXTRACT_ORDERS.failing or (0, 0)
    async with simulated_runs(database_url) as runs:
        for count in range(1, of + 1):
            await runs.start(SimulatedRun(run_id=f"run-{count}", job_name=EXTRACT_ORDERS.name, source=SOURCE, tags={}))
        await until_ended(connection, of)

    failed = await connection.fetch("SELECT run_id, message FROM runbell.run_events WHERE status = 'FAILURE'")
    steps = await connection.fetch("SELECT run_id, step_key, error, recorded_at FROM runbell.step_failures")
    assert [(row["run_id"], row["message"]) for row in failed] == [
        (f"run-{number}", EXTRACT_ORDERS.failure_message()),
    ]
    assert "Steps failed: ['load_orders']." in failed[0]["message"]
    assert [(row["run_id"], row["step_key"]) for row in steps] == [(f"run-{number}", "load_orders")]
    error = json.loads(steps[0]["error"])
    assert error["cause"]["cls_name"] == "ConnectionResetError"
    assert "load_orders" in error["cause"]["stack"][0]


async def test_launch_simulated_runs_on_its_own_until_a_signal_ends_it(
    database_url: str, connection: Connection
) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220 - it is waited for in a thread
        [sys.executable, "-m", "runbell", "launch", "simulated", "--scheduled", "--log-format", "json"],
        env=environment(RUNBELL_DATABASE_URL=database_url),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        await until_ended(connection, 1)
        process.send_signal(signal.SIGTERM)
        output, _ = await to_thread.run_sync(lambda: process.communicate(timeout=10))
    finally:
        process.kill()

    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in output.splitlines()]
    assert events[0] == "launcher_started"
    assert events[-1] == "launcher_stopped"
    jobs = await connection.fetch("SELECT DISTINCT job_name, source, tags ->> 'team' AS team FROM runbell.runs")
    assert [tuple(row.values()) for row in jobs] == [("extract_orders", "simulated", "sales")]


async def test_launch_refuses_a_database_that_is_not_migrated(empty_database_url: str) -> None:
    done = await to_thread.run_sync(lambda: runbell("launch", "simulated", RUNBELL_DATABASE_URL=empty_database_url))

    assert (done.code, done.stdout) == (3, "")
    assert "runbell migrate" in done.stderr
