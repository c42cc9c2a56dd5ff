"""What fails is called again, what takes too long is ended, what was settled is not called again."""

import anyio
import anyio.lowlevel
import asyncpg

from runbell import (
    RunFailureSensorContext,
    RunRequest,
    RunStatusSensorContext,
    run_failure_sensor,
    run_status_sensor,
)
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="next_job")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id, tags={"from": context.dagster_run.job_name})


async def test_a_failing_function_is_retried_and_becomes_a_dead_letter(database_url: str, connection: Session) -> None:
    calls: list[str] = []

    @run_failure_sensor
    def alert(context: RunFailureSensorContext) -> None:
        calls.append(context.failure_event.message or "")
        raise ConnectionError("the channel is away")

    async with running(database_url, alert, retry_attempts=3):
        await record(connection, "r1", "FAILURE", message="it broke")
        await until(
            lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"], seconds=10
        )

    (row,) = await evaluations(connection)
    assert calls == ["it broke"] * 3
    assert row["attempts"] == 3
    assert "ConnectionError: the channel is away" in row["error"]


async def test_i4_a_failed_event_waits_for_its_retry_and_holds_up_nothing(
    database_url: str, connection: Session
) -> None:
    attempts: dict[str, int] = {}

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def sometimes(context: RunStatusSensorContext) -> RunRequest:
        run_id = context.dagster_run.run_id
        attempts[run_id] = attempts.get(run_id, 0) + 1
        if run_id == "bad" and attempts[run_id] < 3:
            raise OSError("try again")
        return RunRequest(run_key=run_id)

    async with running(database_url, sometimes, retry_backoff_seconds=0.3):
        await record(connection, "bad")
        for number in range(5):
            await record(connection, f"good-{number}")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 5)
        assert "bad" not in await requested_keys(connection)
        await until(lambda: requested_keys(connection), lambda keys: "bad" in keys)
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert attempts["bad"] == 3


async def test_a_retry_survives_a_restart(database_url: str, connection: Session) -> None:
    healthy = False

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def waits(context: RunStatusSensorContext) -> RunRequest:
        if not healthy:
            raise OSError("not yet")
        return RunRequest(run_key="done")

    async with running(database_url, waits, retry_backoff_seconds=0.5):
        await record(connection, "r1")
        await until(lambda: evaluations(connection), bool)
    healthy = True
    async with running(database_url, waits):
        await until(lambda: requested_keys(connection), ["done"].__eq__)
        await until(lambda: evaluations(connection), lambda rows: rows == [])


async def test_i4_a_function_that_takes_too_long_fails_and_others_are_answered_meanwhile(
    database_url: str, connection: Session
) -> None:
    @run_status_sensor(run_status="SUCCESS")
    async def stuck(context: RunStatusSensorContext) -> None:
        await anyio.sleep_forever()

    async with running(database_url, stuck, chain, sensor_timeout_seconds=4.0, retry_attempts=1):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["r1"].__eq__, seconds=3.5)
        rows = await until(lambda: evaluations(connection), lambda rows: bool(rows) and rows[0]["state"] == "dead")

    assert "1" in rows[0]["error"]
    assert "TimeoutError" in rows[0]["error"] or "timed out" in rows[0]["error"]


async def test_i10_stopping_commits_what_finishes_and_leaves_the_rest_for_the_next_start(
    database_url: str, connection: Session
) -> None:
    begun = anyio.Event()

    @run_status_sensor(run_status="SUCCESS", request_job="j", max_concurrent=1)
    async def slow(context: RunStatusSensorContext) -> RunRequest:
        begun.set()
        await anyio.sleep(0.3)
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, slow):
        for number in range(3):
            await record(connection, f"r{number}")
        await begun.wait()

    assert await requested_keys(connection) == ["r0"]
    async with running(database_url, slow):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3)
    assert await requested_keys(connection) == ["r0", "r1", "r2"]


async def test_i3_what_was_settled_is_not_called_again_by_the_next_daemon(
    database_url: str, connection: Session
) -> None:
    calls: dict[str, int] = {}

    @run_status_sensor(run_status="SUCCESS")
    async def counts(context: RunStatusSensorContext) -> None:
        run_id = context.dagster_run.run_id
        calls[run_id] = calls.get(run_id, 0) + 1
        if run_id == "fails-once" and calls[run_id] == 1:
            raise OSError("once")

    acted = "SELECT sum(acted) FROM runbell.ticks"
    for start in range(3):
        async with running(database_url, counts):
            for number in range(20):
                await record(connection, f"r{start}-{number}")
            if start == 0:
                await record(connection, "fails-once")
            await until(lambda: connection.fetchval(acted), lambda total, most=start * 20 + 21: total == most)

    assert calls.pop("fails-once") == 2
    assert len(calls) == 60
    assert set(calls.values()) == {1}
