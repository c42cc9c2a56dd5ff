"""`runbell runs show`: the whole chain, whichever of its runs is named."""

from typing import TypeAlias

import asyncpg
import pytest

from runbell import GiveUp, RunRequest, RunStatusSensorContext, SkipReason, run_status_sensor
from support.commands import answer, command
from support.daemons import evaluations, record, requested_keys, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@run_status_sensor(run_status="SUCCESS", monitored_jobs=["first"], request_job="second")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@run_status_sensor(run_status="SUCCESS", monitored_jobs=["second"])
async def alert(context: RunStatusSensorContext) -> None:
    raise GiveUp("the channel is away")


@run_status_sensor(run_status="SUCCESS", monitored_jobs=["second"])
async def quiet(context: RunStatusSensorContext) -> SkipReason:
    return SkipReason("not on Sundays")


@pytest.fixture
async def played(database_url: str, connection: Session) -> Session:
    """A run leads to another, whose end is answered by two sensors."""
    async with running(database_url, chain, alert, quiet):
        await record(connection, "r1", "STARTED", job="first")
        await record(connection, "r1", job="first")
        await until(lambda: requested_keys(connection), bool)
        await connection.execute(
            "SELECT runbell.complete_run_request(c.request_id, c.attempts, 'r2')"
            " FROM runbell.claim_run_requests('launcher') AS c"
        )
        await record(connection, "r2", job="second", source="sql")
        await until(lambda: evaluations(connection), bool)
        await until(lambda: answer(database_url, "ticks", "quiet"), bool)
    return connection


async def test_from_either_run_the_chain_is_one_tree(database_url: str, played: Session) -> None:
    told = await command(database_url, "runs", "show", "r2")
    document = await answer(database_url, "runs", "show", "r1")

    for said in (
        "run r1 of first (sql): SUCCESS",
        ", event 1: no sensor asks for it",
        "chain: requested 1 run",
        "request 1 of second: launched",
        "run r2 of second (sql): SUCCESS",
        "alert: dead letter 1 after 1 call (GiveUp: the channel is away)",
        "quiet: skipped (not on Sundays)",
    ):
        assert said in told.stdout
    assert (await command(database_url, "runs", "show", "r1")).stdout == told.stdout
    (root,) = document
    (request,) = root["events"][1]["answers"][0]["requests"]
    assert (root["asked"], request["run"]["asked"], request["run"]["run_id"]) == (True, False, "r2")


async def test_what_has_not_been_called_yet_and_what_a_stopped_one_misses_is_told(
    database_url: str, played: Session
) -> None:
    await played.execute("UPDATE runbell.sensors SET state = 'stopped' WHERE sensor_name = 'alert'")
    await record(played, "r3", job="second")

    told = (await command(database_url, "runs", "show", "r3")).stdout

    assert "alert: not called: it is stopped" in told
    assert "quiet: not called yet" in told


async def test_an_unknown_run_is_named(database_url: str) -> None:
    done = await command(database_url, "runs", "show", "nothing")

    assert (done.code, done.stdout) == (2, "")
    assert "there is no run 'nothing'" in done.stderr
