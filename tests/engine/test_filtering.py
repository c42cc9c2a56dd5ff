"""Filters in a running daemon: the same events whether a sensor follows or catches up."""

import asyncpg

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(
    "SUCCESS",
    request_job="j",
    excluded_jobs=["test_*"],
    monitored_tags={"team": "data*"},
    monitored_partitions=["2026-*"],
    monitored_origins=["schedule"],
)
async def narrow(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


TAGS = '{"team": "data-eu", "dagster/schedule_name": "nightly"}'


async def record_some(connection: Session, name: str) -> None:
    """One run that it watches, and for each condition one that it does not."""
    more = {"partition_key": "2026-01-01", "tags": TAGS}
    await record(connection, f"{name}-test", job="test_it", **more)
    await record(connection, f"{name}-team", **more | {"tags": TAGS.replace("data", "ops")})
    await record(connection, f"{name}-hand", **more | {"tags": '{"team": "data"}'})
    await record(connection, f"{name}-old", **more | {"partition_key": "2025-12-31"})
    await record(connection, f"{name}-seen", **more)


async def test_a_sensor_sees_the_same_whether_it_follows_or_catches_up(database_url: str, connection: Session) -> None:
    async with running(database_url, narrow):
        await record_some(connection, "followed")
        await until(lambda: requested_keys(connection), ["followed-seen"].__eq__)
    # More than a page, so that it reads by itself.
    for _ in range(250):
        await record_some(connection, "many")
    await record_some(connection, "late")
    async with running(database_url, narrow):
        keys = await until(lambda: requested_keys(connection), lambda keys: "late-seen" in keys)

    assert set(keys) == {"followed-seen", "late-seen", "many-seen"}
    assert await connection.fetchval("SELECT filter -> 'origins' FROM runbell.sensors") == '["schedule"]'
