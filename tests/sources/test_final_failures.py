"""only_final_failures: a run that Dagster retries is told of once, after the last attempt, whatever ends meanwhile."""

import anyio
import asyncpg
import pytest

from runbell import RunRequest, run_failure_sensor, run_status_sensor
from runbell.core.errors import StoreUnavailableError
from runbell.core.finality import PATIENCE_SECONDS, RetrySign
from runbell.engine import evaluator
from runbell.engine.finality import is_retried
from runbell.sources.details import read_retry_sign
from runbell.testing import evaluate, made_up_event
from support.daemons import evaluations, record, requested_keys, running, until

TAG = "dagster/will_retry"


@run_failure_sensor(request_job="j", only_final_failures=True)
async def last(context):
    return RunRequest(run_key=context.dagster_run.run_id)


@run_failure_sensor(request_job="j", only_final_failures=True)
def last_in_a_thread(context):
    return RunRequest(run_key=f"thread {context.dagster_run.run_id}")


@run_failure_sensor(request_job="j")
async def each(context):
    return RunRequest(run_key=f"each {context.dagster_run.run_id}")


async def say(connection, run_id, value):
    """As Dagster does, a moment after the failure: in a transaction of its own."""
    await connection.execute("INSERT INTO run_tags (run_id, key, value) VALUES ($1, $2, $3)", run_id, TAG, value)


async def test_it_is_called_once_after_the_last_attempt(database_url, connection, dagster):
    async with running(database_url, last, last_in_a_thread, each):
        attempts = [await dagster.add_run("STARTED") for _ in range(3)]
        for run_id in attempts:
            await dagster.change(run_id, "FAILURE")
        await until(lambda: requested_keys(connection, "each"), lambda keys: len(keys) == 3)
        for run_id, value in zip(attempts, ("true", "true", "false"), strict=True):
            await say(connection, run_id, value)
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 5)
        await until(lambda: skipped(connection), (2, 2).__eq__)

    assert await requested_keys(connection, "last") == [attempts[2]]
    assert await requested_keys(connection, "last_in_a_thread") == [f"thread {attempts[2]}"]
    assert await evaluations(connection) == []


async def skipped(connection):
    query = "SELECT sum(skipped)::int FROM runbell.ticks WHERE sensor_name = $1"
    return (await connection.fetchval(query, "last"), await connection.fetchval(query, "last_in_a_thread"))


@pytest.mark.parametrize("value", ["false", "true"])
async def test_nothing_is_lost_if_the_daemon_ends_while_it_waits(database_url, connection, dagster, value):
    async with running(database_url, last, each, shutdown_grace_seconds=0.0):
        run_id = await dagster.add_run("STARTED")
        await dagster.change(run_id, "FAILURE")
        await until(lambda: requested_keys(connection), [f"each {run_id}"].__eq__)
    await say(connection, run_id, value)
    expected = [run_id] if value == "false" else []
    async with running(database_url, last):
        other = await dagster.add_run("FAILURE", tags={TAG: "false"})
        await until(lambda: requested_keys(connection, "last"), sorted([*expected, other]).__eq__)

    assert await requested_keys(connection, "last") == sorted([*expected, other])
    assert await evaluations(connection) == []


async def test_without_the_tag_the_failure_is_the_last_after_some_seconds(connection, dagster):
    run_id = await dagster.add_run("STARTED")
    await dagster.change(run_id, "FAILURE")
    event = await connection.fetchrow("SELECT * FROM runbell.run_events ORDER BY event_id DESC LIMIT 1")
    failure = made_up_event(run_id=run_id, source=event["source"], event_id=event["event_id"], status="FAILURE")

    sign = await read_retry_sign(connection, failure)
    assert (sign.tag, sign.may_come, sign.retried) == (None, True, False)
    assert sign.pause() is not None

    await connection.execute("UPDATE runbell.run_events SET recorded_at = clock_timestamp() - interval '1 minute'")
    assert (await read_retry_sign(connection, failure)).pause() is None
    await connection.execute("UPDATE runbell.run_events SET recorded_at = 'infinity'")
    assert (await read_retry_sign(connection, failure)).pause(PATIENCE_SECONDS) is None

    await dagster.set_status(run_id, "STARTED")
    assert (await read_retry_sign(connection, failure)).may_come is False


async def test_locked_tables_of_the_orchestrator_are_not_waited_for(connection, dagster, database_url):
    run_id = await dagster.add_run("STARTED")
    await dagster.change(run_id, "FAILURE")
    event = await connection.fetchrow("SELECT * FROM runbell.run_events ORDER BY event_id DESC LIMIT 1")
    await connection.execute("UPDATE runbell.run_events SET recorded_at = clock_timestamp() - interval '1 hour'")
    failure = made_up_event(run_id=run_id, source=event["source"], event_id=event["event_id"], status="FAILURE")
    await connection.execute("SET statement_timeout = '5s'")
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("LOCK TABLE run_tags IN ACCESS EXCLUSIVE MODE")
        sign = await read_retry_sign(connection, failure)
    await other.close()

    # Of an old one, too, nothing is known: it is asked again, until it has been waited for long enough.
    assert (sign.tag, sign.may_come, sign.pause() is None, sign.pause(PATIENCE_SECONDS)) == (None, True, False, None)
    await say(connection, run_id, "true")
    assert (await read_retry_sign(connection, failure)).retried


async def test_a_database_that_is_lost_while_it_asks_is_no_failure_of_the_sensor(
    database_url, connection, dagster, monkeypatch
):
    lost = [StoreUnavailableError("the server closed the connection")]

    async def ask(pool, event):
        if lost:
            raise lost.pop()
        return await is_retried(pool, event)

    monkeypatch.setattr(evaluator, "is_retried", ask)
    async with running(database_url, last):
        run_id = await dagster.add_run("FAILURE", tags={TAG: "false"})
        await until(lambda: requested_keys(connection, "last"), [run_id].__eq__)

    assert not lost
    assert await connection.fetchval("SELECT sum(failed)::int FROM runbell.ticks") == 0
    assert await evaluations(connection) == []


async def test_tables_that_cannot_be_read_delay_only_who_asks_for_them(database_url, connection, dagster):
    whole = await connection.fetchval("SELECT pg_get_functiondef('runbell.read_retry_tag'::regproc)")
    head, _, _ = whole.partition("DECLARE")
    # A page of the orchestrator's table that the disk has spoiled, say.
    await connection.execute(f"{head} BEGIN RAISE EXCEPTION 'a bad page' USING ERRCODE = 'XX001'; END $function$")
    async with running(database_url, last, each):
        run_id = await dagster.add_run("STARTED")
        await dagster.change(run_id, "FAILURE")
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["retry"])
        await connection.execute(whole)
        await say(connection, run_id, "false")
        await until(lambda: requested_keys(connection), sorted([f"each {run_id}", run_id]).__eq__)


async def test_another_source_says_it_with_the_failure_or_not_at_all(database_url, connection):
    async with running(database_url, last):
        await record(connection, "retried", "FAILURE", tags=f'{{"{TAG}": "true"}}')
        await record(connection, "final", "FAILURE")
        with anyio.fail_after(PATIENCE_SECONDS):
            await until(lambda: requested_keys(connection), ["final"].__eq__)


def test_pauses_grow_and_end():
    waited, looks = 0.0, 0
    while (pause := RetrySign(None, may_come=True, age_seconds=waited).pause()) is not None:
        waited, looks = waited + pause, looks + 1

    assert (waited, looks < 25) == (pytest.approx(PATIENCE_SECONDS), True)


def test_it_can_be_tested_without_a_database():
    assert evaluate(last, tags={TAG: "true"}).outcome == "skipped"
    assert evaluate(last, tags={TAG: "false"}).outcome == "requested"
    assert evaluate(last).outcome == "requested"


async def test_another_status_waits_for_nothing(database_url, connection, dagster):
    @run_status_sensor(["SUCCESS", "FAILURE"], request_job="j", only_final_failures=True)
    async def both(context):
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, both):
        failed, done = await dagster.add_run("STARTED"), await dagster.add_run("STARTED")
        await dagster.change(failed, "FAILURE")
        await dagster.change(done, "SUCCESS")
        await until(lambda: requested_keys(connection), [done].__eq__)
        await say(connection, failed, "false")
        await until(lambda: requested_keys(connection), sorted([failed, done]).__eq__)
