"""`runbell backtest` and `runbell preview`: today's code over what was recorded, and nothing left behind."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from anyio import to_thread

from support.daemons import record
from support.processes import Finished, runbell

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

SENSORS = """
import runbell
from runbell.core.rehearsal import Unsent, rehearsing


@runbell.run_status_sensor(run_status="SUCCESS", monitored_jobs=["etl_*"], request_job="report")
async def chain(context):
    print("seen", context.dagster_run.run_id)
    context.log.info("looked")
    rehearsing().note(Unsent(to="slack #etl", title="done", body=context.dagster_run.run_id))
    if context.dagster_run.run_id == "r1":
        return runbell.SkipReason("not this one")
    if context.dagster_run.run_id == "r2":
        raise OSError("away")
    return runbell.RunRequest(run_key=context.dagster_run.run_id, tags={"team": "sales"})


@runbell.run_failure_sensor
def asks(context):
    known = context.instance.get_run_by_id(context.dagster_run.run_id)
    return runbell.SkipReason(f"{known.job_name} {[one.step_key for one in context.get_step_failure_events()]}")
"""


@pytest.fixture
async def history(database_url: str, connection: Session) -> Mapping[str, int]:
    """What was recorded, and what the sensor of then requested for it."""
    ids = {}
    for run_id in ("r0", "r1", "r2", "r3"):
        await record(connection, run_id, "STARTED", job="etl_a")
        ids[run_id] = await record(connection, run_id, job="etl_a")
    await record(connection, "other", job="publish")
    await connection.execute("SELECT runbell.record_step_failure('bad', 'load', '{}')")
    await record(connection, "bad", "FAILURE", job="etl_a")
    for run_id, run_key in (("r0", "r0"), ("r1", "r1"), ("r3", "another key")):
        await connection.execute(
            "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key)"
            " VALUES ('chain', $1, 0, 'sql', 'report', $2)",
            ids[run_id],
            run_key,
        )
    return ids


async def run(url: str, folder: Path, *arguments: str, sensors: str = SENSORS) -> Finished:
    (folder / "sensors.py").write_text(sensors)
    return await to_thread.run_sync(lambda: runbell(*arguments, cwd=folder, RUNBELL_DATABASE_URL=url))


async def written(session: Session) -> dict[str, Any]:
    """Everything that a daemon could have written."""
    tables = ("run_events", "runs", "sensors", "ticks", "evaluations", "run_requests", "run_keys", "daemons", "notices")
    return {
        table: await session.fetchval(f"SELECT json_agg(t ORDER BY t::text)::text FROM runbell.{table} AS t")
        for table in tables
    } | {"replays": await session.fetchval("SELECT is_called FROM runbell.replays")}


async def test_it_shows_what_would_come_of_it_and_what_is_different_and_writes_nothing(
    database_url: str, connection: Session, history: Mapping[str, int], tmp_path: Path
) -> None:
    before = await written(connection)

    done = await run(database_url, tmp_path, "backtest", "chain", "--since", "1h", "--json")

    assert done.code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["outcomes"] == {"requested": 2, "skipped": 1, "failed": 1}
    assert [found[name] for name in ("events", "requested", "same", "added", "missing", "messages")] == [
        4,
        2,
        1,
        1,
        2,
        4,
    ]
    assert [(one["run_id"], one["run_key"], one["tags"]["team"]) for one in found["requests"]] == [
        ("r0", "r0", "sales"),
        ("r3", "r3", "sales"),
    ]
    assert found["unsent"][0] == {
        "event_id": history["r0"],
        "run_id": "r0",
        "status": "SUCCESS",
        "to": "slack #etl",
        "title": "done",
        "body": "r0",
    }
    assert found["failures"][0]["error"].endswith("OSError: away")
    assert "seen r0" in done.stderr
    assert await written(connection) == before


async def test_it_is_readable_and_bounded_by_time(
    database_url: str, connection: Session, history: Mapping[str, int], tmp_path: Path
) -> None:
    told = await run(database_url, tmp_path, "backtest", "chain", "--since", "1h")
    none = await run(database_url, tmp_path, "backtest", "chain", "--since", "2020-01-01", "--until", "2021-01-01")

    for said in (
        "chain of today, called for 4 recorded events in ",
        "requests: 2, of which 1 as they were recorded and 1 new; 2 that were recorded would not be made",
        "messages: 4, not sent\nnothing was written\n",
        f"event {history['r0']}, SUCCESS of etl_a (r0): would request report with key r0",
        f"event {history['r2']}, SUCCESS of etl_a (r2): OSError: away",
    ):
        assert said in told.stdout
    assert "called for 0 recorded events" in none.stdout


async def test_a_preview_shows_all_that_would_come_of_one_run(
    database_url: str, history: Mapping[str, int], tmp_path: Path
) -> None:
    told = await run(database_url, tmp_path, "preview", "chain", "--run", "r3")
    document = await run(database_url, tmp_path, "preview", "asks", "--run", "bad", "--json")
    nothing = await run(database_url, tmp_path, "preview", "chain", "--run", "other")

    for said in (
        "requested",
        "would request report with key r3",
        '"team":"sales"',
        "would send to slack #etl: done r3",
    ):
        assert said in told.stdout
    (evaluated,) = json.loads(document.stdout)
    assert (evaluated["outcome"], evaluated["reason"]) == ("skipped", "etl_a ['load']")
    assert (nothing.code, nothing.stdout) == (2, "")
    assert "chain asks for nothing that is recorded of run 'other'" in nothing.stderr


async def test_not_even_a_mistake_of_ours_could_write(database_url: str) -> None:
    from runbell.engine.rehearsing import reading_only

    async with reading_only(database_url) as pool:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await pool.execute("SELECT runbell.record_run_status('r', 'j', 'SUCCESS')")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("backtest", "chian", "--since", "1h"), "there is no sensor 'chian' in sensors: there are asks, chain"),
        (("backtest", "chain", "--since", "then"), "--since: 'then' is no moment"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = await run(database_url, tmp_path, *arguments)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr


HANGING = """
import time
import runbell


@runbell.run_failure_sensor(timeout_seconds=0.2)
def hangs(context):
    time.sleep(600)
"""


@pytest.mark.parametrize("arguments", [("backtest", "hangs", "--since", "1h"), ("preview", "hangs", "--run", "bad")])
@pytest.mark.usefixtures("history")
async def test_a_function_that_never_returns_is_given_up_and_does_not_keep_the_command(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = await run(database_url, tmp_path, *arguments, "--json", sensors=HANGING)

    assert done.code == 0, done.stderr
    assert "TimeoutError" in done.stdout
    json.loads(done.stdout)
