"""One bad evaluation in a group commit leaves the other sensors' results whole and ends as a dead letter (I9)."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"deeper": found}
    return found


POISONS: dict[str, Callable[[], RunRequest]] = {
    "a key of 4,000 bytes": lambda: RunRequest(run_key="k" * 4000),
    "NUL in a key": lambda: RunRequest(run_key="k\x00"),
    "NUL in a tag": lambda: RunRequest(tags={"t": "\x00"}),
    "NUL deep in the config": lambda: RunRequest(run_config={"a": ["\x00"]}),
    "a lone surrogate": lambda: RunRequest(run_key="\ud800"),
    "a number that no jsonb holds": lambda: RunRequest(run_config={"n": 10**200_000}),
    "NaN": lambda: RunRequest(run_config={"n": float("nan")}),
    "deep JSON": lambda: RunRequest(run_config=deep(100_000)),
    "JSON as deep as the encoder allows": lambda: RunRequest(run_config=deep(700)),
    "no JSON": lambda: RunRequest(run_config={"o": object()}),
}


@pytest.mark.parametrize("poison", list(POISONS))
async def test_i9_a_poisoned_answer_is_a_dead_letter_and_the_others_are_whole(
    database_url: str, connection: Session, poison: str
) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def poisoned(context: RunStatusSensorContext) -> RunRequest:
        if context.dagster_run.run_id == "r5":
            return POISONS[poison]()
        return RunRequest(run_key=context.dagster_run.run_id)

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def healthy(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, poisoned, healthy):
        # In one transaction, so that they are read, evaluated and committed together.
        await connection.execute(
            "SELECT runbell.record_run_status('r' || n, 'job', 'SUCCESS') FROM generate_series(1, 20) AS n"
        )
        await until(lambda: requested_keys(connection, "healthy"), lambda keys: len(keys) == 20)
        await until(lambda: requested_keys(connection, "poisoned"), lambda keys: len(keys) >= 19)
        await record(connection, "after")
        await until(lambda: requested_keys(connection, "poisoned"), lambda keys: "after" in keys)

    keys = await requested_keys(connection, "poisoned")
    rows = await evaluations(connection)
    if poison == "JSON as deep as the encoder allows":
        # Whether the database takes it or not, it must not disturb; here it does take it.
        assert len(keys) + len(rows) == 21
        return
    assert sorted(keys) == sorted(["after", *(f"r{n}" for n in range(1, 21) if n != 5)])
    (dead,) = rows
    assert dead["state"] == "dead"
    assert dead["attempts"] == 1
    assert "poisoned" in dead["error"]


async def test_i9_a_generator_that_raises_midway_keeps_none_of_its_requests(
    database_url: str, connection: Session
) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def midway(context: RunStatusSensorContext) -> AsyncIterator[RunRequest]:
        yield RunRequest(run_key="first")
        raise RuntimeError("midway")

    async with running(database_url, midway, retry_attempts=1):
        await record(connection, "r1")
        rows = await until(lambda: evaluations(connection), bool)

    assert rows[0]["state"] == "dead"
    assert await requested_keys(connection) == []


@pytest.mark.parametrize("exit_with", [SystemExit, KeyboardInterrupt])
async def test_i9_a_function_that_tries_to_exit_has_failed(
    database_url: str, connection: Session, exit_with: type[BaseException]
) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def leaves(context: RunStatusSensorContext) -> RunRequest:
        raise exit_with

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def leaves_the_loop(context: RunStatusSensorContext) -> RunRequest:
        raise exit_with

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def stays(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, leaves, leaves_the_loop, stays, retry_attempts=1):
        await record(connection, "r1")
        await until(lambda: evaluations(connection), lambda rows: len(rows) == 2)
        await record(connection, "r2")
        await until(lambda: requested_keys(connection, "stays"), lambda keys: "r2" in keys)


async def test_i9_rows_put_in_by_hand_are_events_and_those_that_cannot_be_read_are_reported(
    database_url: str, connection: Session
) -> None:
    @run_status_sensor(run_status=["SUCCESS", "ODD"], request_job="j")
    async def reads(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id, tags=dict(context.dagster_run.tags))

    insert = """
        INSERT INTO runbell.run_events (xid, source, run_id, job_name, status, tags, recorded_at, error)
        VALUES ('1', 'hand', $1, 'job', $2, $3::jsonb, $4::text::timestamptz, $5::jsonb)
    """
    async with running(database_url, reads, retry_attempts=1):
        await connection.execute(insert, "good", "ODD", "{}", "now", None)
        await connection.execute(insert, "endless", "SUCCESS", "{}", "infinity", '"text"')
        await connection.execute(insert, "ancient", "SUCCESS", "{}", "4000-01-01 BC", "[1]")
        await connection.execute(insert, "bad-tags", "SUCCESS", "[1, 2]", "now", None)
        await connection.execute(insert, "last", "SUCCESS", "{}", "now", None)
        keys = await until(lambda: requested_keys(connection), lambda keys: "last" in keys)
        await until(lambda: evaluations(connection), bool)

    assert keys == ["ancient", "endless", "good", "last"]
    (dead,) = await evaluations(connection)
    event_id = await connection.fetchval("SELECT event_id FROM runbell.run_events WHERE run_id = 'bad-tags'")
    assert dead["event_id"] == event_id
    assert "bad-tags" in dead["error"]


async def test_a_request_for_too_many_runs_is_the_sensors_failure(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def endless(context: RunStatusSensorContext) -> AsyncIterator[RunRequest]:
        while True:
            yield RunRequest()

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def many(context: RunStatusSensorContext) -> list[RunRequest]:
        return [RunRequest() for _ in range(500)]

    async with running(database_url, endless, many, max_requests_per_evaluation=500):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection, "many"), lambda keys: len(keys) == 500)
        rows = await until(lambda: evaluations(connection), bool)

    assert rows[0]["state"] == "dead"
    assert "500" in rows[0]["error"]
    assert await requested_keys(connection, "endless") == []
