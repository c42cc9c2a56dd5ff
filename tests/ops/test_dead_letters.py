"""`runbell dead-letters`, as an operator calls it, with and without a daemon."""

import json
import os
import pty
import subprocess
import sys
from typing import Any, TypeAlias

import asyncpg
import pytest
from anyio import to_thread

from runbell import GiveUp, RetryPolicy, RunRequest, RunStatusSensorContext, run_status_sensor
from support.daemons import evaluations, record, requested_keys, running, until
from support.processes import Finished, environment, runbell

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def run(url: str, *arguments: str) -> Finished:
    return await to_thread.run_sync(lambda: runbell("dead-letters", *arguments, RUNBELL_DATABASE_URL=url))


async def listed(url: str, *arguments: str) -> Any:
    done = await run(url, "list", "--json", *arguments)
    assert (done.code, done.stderr) == (0, "")
    return json.loads(done.stdout)


async def bury(session: Session, sensor: str = "alert", run_id: str = "r1", **columns: Any) -> int:
    """A dead letter, as a daemon would leave it; its id."""
    event_id = await record(session, run_id, "FAILURE", message="it broke")
    evaluation_id: int = await session.fetchval(
        """
        INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error, updated_at)
        VALUES ($1, $2, $3, 10, $4, clock_timestamp() - make_interval(secs => $5))
        RETURNING evaluation_id
        """,
        sensor,
        event_id,
        columns.get("state", "dead"),
        columns.get("error", "Traceback\nOSError: the channel is away"),
        float(columns.get("age", 0)),
    )
    return evaluation_id


async def test_a_list_says_what_died_and_of_what(database_url: str, connection: Session) -> None:
    first = await bury(connection, "alert", "r1")
    old = await bury(connection, "publish", "r2", age=3 * 86_400)
    await bury(connection, "alert", "r3", state="retry")

    found = await listed(database_url)

    assert [letter["evaluation_id"] for letter in found] == [old, first]
    assert (
        found[1].items()
        >= {
            "sensor_name": "alert",
            "run_id": "r1",
            "job_name": "job",
            "status": "FAILURE",
            "attempts": 10,
            "error": "Traceback\nOSError: the channel is away",
            "message": "it broke",
        }.items()
    )
    assert [letter["evaluation_id"] for letter in await listed(database_url, "--older-than", "2d")] == [old]
    assert await listed(database_url, "--older-than", "1w") == []


async def test_one_is_shown_in_full_with_its_event(database_url: str, connection: Session) -> None:
    evaluation_id = await bury(connection)
    await connection.execute('UPDATE runbell.run_events SET error = \'{"message": "disk full"}\'')

    told = await run(database_url, "show", str(evaluation_id))

    assert told.code == 0
    for said in ("alert", "r1", "it broke", "disk full", "Traceback\nOSError: the channel is away"):
        assert said in told.stdout
    document = json.loads((await run(database_url, "show", str(evaluation_id), "--json")).stdout)
    assert (document["evaluation_id"], document["run_error"]) == (evaluation_id, {"message": "disk full"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry", "--yes"), "say which: ids"),
        (("drop", "1", "--all", "--yes"), "give ids, or say which"),
        (("retry", "--all", "--sensor", "alert", "--yes"), "--all and --sensor say two things"),
        (("retry", "123456", "--yes"), "there is no dead letter 123456"),
        (("drop", "--sensor", "nobody", "--yes"), "there is no sensor 'nobody'"),
        (("drop", "--older-than", "two days", "--yes"), "--older-than: 'two days' is no length of time"),
        (("drop", "--all"), "drop 1 dead letter (alert 1): nothing was done, since there is no terminal to ask on"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    database_url: str, connection: Session, arguments: tuple[str, ...], said: str
) -> None:
    await bury(connection)

    done = await run(database_url, *arguments)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [row["state"] for row in await evaluations(connection)] == ["dead"]


async def test_an_evaluation_that_is_not_dead_is_no_dead_letter(database_url: str, connection: Session) -> None:
    evaluation_id = await bury(connection, state="retry")

    done = await run(database_url, "drop", str(evaluation_id), "--yes")

    assert (done.code, f"there is no dead letter {evaluation_id}" in done.stderr) == (2, True)
    assert len(await evaluations(connection)) == 1


async def test_a_running_daemon_calls_it_again_at_once(database_url: str, connection: Session) -> None:
    broken, calls = True, 0

    @run_status_sensor(run_status="SUCCESS", request_job="j", retry=RetryPolicy(attempts=2, backoff_seconds=0))
    async def alert(context: RunStatusSensorContext) -> RunRequest:
        nonlocal calls
        calls += 1
        if broken:
            raise OSError("the channel is away")
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, alert):
        await record(connection, "r1")
        rows = await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])
        # Again without luck: its attempts count from the beginning.
        done = await run(database_url, "retry", str(rows[0]["evaluation_id"]), "--yes")
        assert (done.code, done.stdout) == (0, "retried 1\n")
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"], seconds=3)
        assert calls == 4

        broken = False
        done = await run(database_url, "retry", "--sensor", "alert", "--yes")
        await until(lambda: requested_keys(connection), ["r1"].__eq__, seconds=2)
    assert await evaluations(connection) == []


async def test_what_is_dropped_is_gone_also_of_a_sensor_that_is_gone(database_url: str, connection: Session) -> None:
    gone, kept = await bury(connection, "removed_sensor", "r1"), await bury(connection, "alert", "r2")

    done = await run(database_url, "drop", "--sensor", "removed_sensor", "--yes")

    assert (done.code, done.stdout) == (0, "dropped 1\n")
    assert [row["evaluation_id"] for row in await evaluations(connection)] == [kept]
    assert (await run(database_url, "drop", str(gone), "--yes")).code == 2
    await bury(connection, "alert", "r3", age=90)
    assert (await run(database_url, "drop", "--all", "--older-than", "1m", "--yes")).stdout == "dropped 1\n"
    assert (await run(database_url, "drop", "--all", "--yes")).stdout == "dropped 1\n"
    assert (await run(database_url, "drop", "--all", "--yes")).stdout == "no dead letters\n"


async def test_what_another_was_faster_with_is_said_and_not_done_twice(database_url: str, connection: Session) -> None:
    ids = [await bury(connection, run_id=f"r{number}") for number in range(2)]
    locked = await asyncpg.connect(database_url)
    transaction = locked.transaction()
    await transaction.start()
    await locked.execute("UPDATE runbell.evaluations SET state = 'retry' WHERE evaluation_id = $1", ids[0])

    # It finds both, and waits for the one that is being changed.
    command = to_thread.run_sync(
        lambda: runbell("dead-letters", "drop", "--all", "--yes", RUNBELL_DATABASE_URL=database_url)
    )
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

    async def commit_once_waited_for() -> None:
        await until(lambda: connection.fetchval(waiting))
        await transaction.commit()
        await locked.close()

    done, _ = await both(command, commit_once_waited_for())

    assert (done.code, done.stdout) == (0, f"dropped 1\nno longer dead letters, and left alone: {ids[0]}\n")
    assert [row["state"] for row in await evaluations(connection)] == ["retry"]


async def both(*awaitables: Any) -> list[Any]:
    import asyncio

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(as_coroutine(one)) for one in awaitables]
    return [task.result() for task in running]


async def as_coroutine(awaitable: Any) -> Any:
    return await awaitable


async def test_without_its_event_it_can_only_be_dropped(database_url: str, connection: Session) -> None:
    evaluation_id = await bury(connection)
    await connection.execute("DELETE FROM runbell.run_events")

    done = await run(database_url, "retry", str(evaluation_id), "--yes")

    assert f"cannot be retried, since their events are gone: {evaluation_id}; drop them" in done.stderr
    assert [row["state"] for row in await evaluations(connection)] == ["dead"]


@pytest.mark.parametrize(("answer", "left"), [("n\n", 1), ("y\n", 0)])
async def test_on_a_terminal_it_asks(database_url: str, connection: Session, answer: str, left: int) -> None:
    evaluation_id = await bury(connection)

    said = await to_thread.run_sync(lambda: on_a_terminal(answer, "drop", str(evaluation_id), database_url))

    assert "drop 1 dead letter (alert 1). Go on?" in said
    assert len(await evaluations(connection)) == left


def on_a_terminal(answer: str, verb: str, evaluation_id: str, url: str) -> str:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "runbell", "dead-letters", verb, evaluation_id]
    try:
        with subprocess.Popen(
            command, env=environment(RUNBELL_DATABASE_URL=url), stdin=theirs, stdout=subprocess.PIPE, text=True
        ) as process:
            os.write(ours, answer.encode())
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        return said
    finally:
        os.close(ours)
        os.close(theirs)


async def test_giving_up_is_retried_like_any_other(database_url: str, connection: Session) -> None:
    calls: list[str] = []

    @run_status_sensor(run_status="SUCCESS")
    def alert(context: RunStatusSensorContext) -> None:
        calls.append(context.idempotency_key)
        if len(calls) == 1:
            raise GiveUp("not today")

    async with running(database_url, alert):
        await record(connection, "r1")
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])
        assert (await run(database_url, "retry", "--all", "--yes")).stdout == "retried 1\n"
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert calls[0] == calls[1]
