"""`runbell replay`: called once more on purpose, with requests doubled only when that was asked for."""

from typing import TypeAlias

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from support.commands import answer, command
from support.daemons import evaluations, record, requested_keys, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


class Calls(list[str]):
    """A sensor that requests a run with a key for each event, and what it was called with."""

    def sensor(self):
        @run_status_sensor(run_status="SUCCESS", monitored_jobs=["etl_*"], request_job="next")
        async def chain(context: RunStatusSensorContext) -> RunRequest:
            self.append(context.idempotency_key)
            return RunRequest(run_key=context.dagster_run.run_id)

        return chain


async def test_a_replay_calls_again_and_doubles_nothing(database_url: str, connection: Session) -> None:
    calls = Calls()
    async with running(database_url, calls.sensor()):
        await record(connection, "r1", job="etl_a")
        await record(connection, "other", job="publish")
        await record(connection, "r2", job="etl_b")
        await until(lambda: requested_keys(connection), ["r1", "r2"].__eq__)

        told = await command(database_url, "replay", "chain", "--since", "1h", "--yes")
        await until(lambda: evaluations(connection), lambda rows: len(calls) == 4 and rows == [])

    assert told.stdout == "chain is called once more for 2 events\n"
    assert await requested_keys(connection) == ["r1", "r2"]
    assert len(set(calls)) == 2


async def test_with_new_requests_each_event_makes_them_anew_under_the_replays_number(
    database_url: str, connection: Session
) -> None:
    calls = Calls()
    async with running(database_url, calls.sensor()):
        event_id = await record(connection, "r1", job="etl_a")
        await until(lambda: requested_keys(connection), ["r1"].__eq__)

        for _ in range(2):
            told = await command(database_url, "replay", "chain", "--event", str(event_id), "--new-requests", "--yes")
            assert told.code == 0
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3)

    assert "as replay 2" in told.stdout
    assert await requested_keys(connection) == ["r1", "r1:replay-1", "r1:replay-2"]
    assert len(set(calls)) == 3
    found = await answer(database_url, "requests", "list")
    assert [(one["event_id"], one["replay"]) for one in found] == [(event_id, 2), (event_id, 1), (event_id, 0)]


async def test_what_it_has_not_passed_or_is_called_for_just_now_is_left_alone(
    database_url: str, connection: Session
) -> None:
    calls = Calls()
    async with running(database_url, calls.sensor()):
        passed = await record(connection, "passed", job="etl_a")
        called = await record(connection, "called", job="etl_a")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2)
    await connection.execute(
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts) VALUES ('chain', $1, 'running', 0)",
        called,
    )
    await record(connection, "to come", job="etl_a")

    told = await command(database_url, "replay", "chain", "--since", "1h", "--yes")

    assert told.stdout.splitlines() == [
        "chain is called once more for 1 event",
        "left alone: 2 that it has not passed yet, or that it is being called for just now",
    ]
    rows = {row["event_id"]: row["state"] for row in await evaluations(connection)}
    assert rows == {passed: "retry", called: "running"}


async def test_a_dead_letter_lives_again_and_a_stopped_sensor_keeps_it_waiting(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, Calls().sensor()):
        event_id = await record(connection, "r1", job="etl_a")
        await until(lambda: requested_keys(connection), bool)
    await connection.execute("UPDATE runbell.sensors SET state = 'stopped'")
    await connection.execute(
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts) VALUES ('chain', $1, 'dead', 10)",
        event_id,
    )

    told = await command(database_url, "replay", "chain", "--event", str(event_id), "--yes")

    assert "it is stopped: they wait for `runbell sensors start chain`" in told.stdout
    assert [(row["state"], row["attempts"]) for row in await evaluations(connection)] == [("retry", 0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say which events: --since TIME"),
        (("--since", "1d", "--event", "1"), "--event and --since say two things"),
        (("--since", "yesterday"), "--since: 'yesterday' is no moment"),
        (("--event", "12345"), "event 12345 is none that chain asks for"),
        (
            ("--since", "1d"),
            "call chain once more for 1 event, without doubling what it has requested: nothing was done",
        ),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    database_url: str, connection: Session, arguments: tuple[str, ...], said: str
) -> None:
    async with running(database_url, Calls().sensor()):
        await record(connection, "r1", job="etl_a")
        await until(lambda: requested_keys(connection), bool)

    done = await command(database_url, "replay", "chain", *arguments)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert await evaluations(connection) == []


async def test_where_nothing_was_recorded_nothing_is_done(database_url: str, connection: Session) -> None:
    async with running(database_url, Calls().sensor()):
        told = await command(database_url, "replay", "chain", "--since", "2020-01-01", "--until", "2020-02-01", "--yes")

    assert (told.code, told.stdout) == (0, "no events: chain asks for none that was recorded then\n")
