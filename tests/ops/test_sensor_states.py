"""`runbell sensors start|stop|release|show` and `runbell ticks`, with daemons that run, and over their ends."""

from typing import TypeAlias

import asyncpg
import pytest

from runbell import DefaultSensorStatus, RunRequest, RunStatusSensorContext, SkipReason, run_status_sensor
from support.commands import answer, command
from support.daemons import record, requested_keys, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@run_status_sensor(run_status="SUCCESS", request_job="next")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@run_status_sensor(run_status="SUCCESS", request_job="next", default_status=DefaultSensorStatus.STOPPED)
async def later(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=f"later {context.dagster_run.run_id}")


@run_status_sensor(run_status="SUCCESS")
async def skips(context: RunStatusSensorContext) -> SkipReason:
    return SkipReason("not today")


async def test_a_stopped_sensor_stops_at_once_stays_so_over_restarts_and_gets_what_it_missed(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        await record(connection, "before")
        await until(lambda: requested_keys(connection), ["before"].__eq__)
        epoch = await connection.fetchval("SELECT lease_epoch FROM runbell.sensors")

        told = await command(database_url, "sensors", "stop", "chain")

        assert (told.code, told.stdout) == (0, "chain is stopped\n")
        assert await connection.fetchval("SELECT lease_epoch FROM runbell.sensors") > epoch
        await record(connection, "meanwhile")
        await until(lambda: connection.fetchval("SELECT lease_holder IS NOT NULL FROM runbell.sensors"))
        assert await requested_keys(connection) == ["before"]
    async with running(database_url, chain):
        assert await requested_keys(connection) == ["before"]
        assert (await command(database_url, "sensors", "start", "chain")).stdout == "chain runs\n"
        await until(lambda: requested_keys(connection), ["before", "meanwhile"].__eq__, seconds=3)


async def test_one_that_has_never_run_gets_what_happens_after_its_start(database_url: str, connection: Session) -> None:
    async with running(database_url, later):
        await record(connection, "r1")
        assert (await command(database_url, "sensors", "start", "later")).stdout == "later runs\n"
        await record(connection, "r2")
        await until(lambda: requested_keys(connection), ["later r2"].__eq__, seconds=3)

        told = await command(database_url, "sensors", "release", "later")

        assert told.stdout == "later is stopped, as its code and the settings say\n"
        assert [one["state"] for one in await answer(database_url, "sensors", "list")] == ["declared"]


async def test_an_unknown_name_changes_nothing_and_the_one_meant_is_named(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        done = await command(database_url, "sensors", "stop", "chain", "chian")

    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "runbell: there is no sensor 'chian': did you mean 'chain'?\n"
    assert [one["active"] for one in await answer(database_url, "sensors", "list")] == [True]


@pytest.mark.parametrize(
    "arguments", [("sensors", "show"), ("ticks",), ("cursor", "show"), ("replay", "--since", "1d")]
)
async def test_whatever_is_about_an_unknown_sensor_names_it(database_url: str, arguments: tuple[str, ...]) -> None:
    done = await command(database_url, *arguments, "nobody")

    assert (done.code, done.stdout) == (2, "")
    assert "there is no sensor 'nobody'" in done.stderr


async def test_a_sensor_is_shown_with_all_that_matters_and_what_it_did(database_url: str, connection: Session) -> None:
    async with running(database_url, skips) as daemon:
        event_id = await record(connection, "r1")
        ticks = await until(lambda: answer(database_url, "ticks", "skips"), bool)
        told = (await command(database_url, "sensors", "show", "skips")).stdout
        document = await answer(database_url, "sensors", "show", "skips")
        assert daemon.ready

    for said in (
        "running, as its code and the settings say",
        "SUCCESS of every job in every code location",
        "evaluated by  process ",
        "nothing waits",
        "skipped at ",
        f"event {event_id}: 1 skipped (not today)",
    ):
        assert said in told
    assert (document["sensor_name"], document["last_outcome"], document["requests"]) == ("skips", "skipped", {})
    assert [(tick["first_event_id"], tick["skipped"], tick["details"][0]["said"]) for tick in ticks] == [
        (event_id, 1, "not today")
    ]
    table = (await command(database_url, "ticks", "skips")).stdout
    assert "not today" in table
