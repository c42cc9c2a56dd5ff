"""Sensors that ask for one another stop at the limit; where a daemon is told to look at runs."""

import asyncpg

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import evaluations, record, running, until

Session = asyncpg.Connection


async def launch(connection: Session, done: set[int]) -> None:
    """As a launcher would: each request becomes a run with its tags, which succeeds."""
    for row in await connection.fetch("SELECT request_id, job_name, tags FROM runbell.run_requests"):
        if row["request_id"] not in done:
            done.add(row["request_id"])
            await record(connection, f"r{row['request_id']}", job=row["job_name"], tags=row["tags"])


async def test_two_sensors_that_ask_for_one_another_end_in_a_named_dead_letter(
    database_url: str, connection: Session
) -> None:
    urls: list[str | None] = []

    @run_status_sensor("SUCCESS", monitored_jobs=["ping"], request_job="pong")
    async def ping(context: RunStatusSensorContext) -> RunRequest:
        urls.append(context.run_url)
        return RunRequest()

    @run_status_sensor("SUCCESS", monitored_jobs=["pong"], request_job="ping")
    async def pong(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest()

    done: set[int] = set()
    async with running(database_url, ping, pong, max_chain_depth=4, run_url="http://localhost/runs/{run_id}"):
        await record(connection, "first", job="ping")

        async def look() -> list[asyncpg.Record]:
            await launch(connection, done)
            return await evaluations(connection)

        (dead,) = await until(look)

    assert (dead["sensor_name"], dead["state"], dead["attempts"]) == ("ping", "dead", 1)
    assert "RUNBELL_MAX_CHAIN_DEPTH (4)" in dead["error"]
    assert len(done) == 4
    assert urls[0] == "http://localhost/runs/first"
