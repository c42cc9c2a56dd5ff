"""I9: what the database refuses is found by halving the commit, and only that fails."""

import asyncpg

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="j", max_concurrent=16)
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@run_status_sensor(run_status="SUCCESS", request_job="j", max_concurrent=16)
async def other(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=f"other-{context.dagster_run.run_id}")


async def test_i9_an_answer_that_the_database_alone_refuses_fails_alone(database_url: str, connection: Session) -> None:
    """A rule that somebody has put on the table of requests, of which nothing here can know."""
    await connection.execute("ALTER TABLE runbell.run_requests ADD CONSTRAINT theirs CHECK (run_key <> 'r17')")
    async with running(database_url, chain, other):
        async with connection.transaction():
            ids = [await record(connection, f"r{number}") for number in range(40)]
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 79)
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])

    assert "r17" not in await requested_keys(connection)
    (dead,) = await evaluations(connection)
    assert (dead["sensor_name"], dead["event_id"]) == ("chain", ids[17])
    assert "theirs" in dead["error"]
