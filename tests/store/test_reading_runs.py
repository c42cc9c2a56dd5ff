"""Runs and their logs as the database finds them, for sensors that ask."""

from datetime import UTC, datetime, timedelta

import pytest

from runbell.core.run_queries import RunsFilter, read_query
from runbell.core.runs import RunFacts
from runbell.sources.details import read_run_log
from runbell.store.runs import read_run, read_runs

T0 = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = [
    # run id, job, status, partition, tags, created, started and ended that many minutes after T0
    ("a", "etl", "SUCCESS", None, '{"team": "data"}', 0, 5, 6),
    ("b", "etl", "FAILURE", "p1", '{"team": "web"}', 1, 2, 9),
    ("c", "load", "STARTED", None, '{"dagster/partition": "p1"}', 2, 3, None),
    ("d", "etl", "SUCCESS", None, "{}", 3, None, None),
]


@pytest.fixture
async def runs(connection):
    for run_id, job, status, partition, tags, *minutes in RUNS:
        created, started, ended = (None if m is None else T0 + timedelta(minutes=m) for m in minutes)
        await connection.execute(
            """
            INSERT INTO runbell.runs
                (source, run_id, job_name, status, partition_key, tags, created_at, started_at, ended_at, updated_at)
            VALUES ('sql', $1, $2, $3, $4, $5, $6, $7, $8, $9)
            """,
            run_id,
            job,
            status,
            partition,
            tags,
            created,
            started,
            ended,
            ended or created,
        )
    await connection.execute(
        "INSERT INTO runbell.runs (source, run_id, job_name, status) VALUES ('elsewhere', 'e', 'etl', 'SUCCESS')"
    )
    return connection


@pytest.mark.parametrize(
    ("filters", "arguments", "found"),
    [
        (None, {}, "dcba"),
        (None, {"ascending": True}, "abcd"),
        (None, {"limit": 2}, "dc"),
        (None, {"cursor": "c"}, "ba"),
        (None, {"cursor": "b", "ascending": True}, "cd"),
        (None, {"cursor": "unknown"}, ""),
        (None, {"limit": 0}, ""),
        (RunsFilter(job_name="etl"), {"limit": 1}, "d"),
        (RunsFilter(statuses=["SUCCESS", "STARTED"]), {}, "dca"),
        (RunsFilter(run_ids=["a", "b", "e"]), {}, "ba"),
        (RunsFilter(tags={"team": "data"}), {}, "a"),
        (RunsFilter(tags={"team": ["data", "web"]}), {}, "ba"),
        (RunsFilter(tags={"team": "data", "owner": "x"}), {}, ""),
        (RunsFilter(tags={"dagster/partition": "p1"}), {}, "cb"),
        (RunsFilter(created_after=T0), {}, "dcb"),
        (RunsFilter(created_before=T0 + timedelta(minutes=1)), {}, "a"),
        (RunsFilter(updated_after=T0 + timedelta(minutes=6)), {}, "b"),
        (RunsFilter(updated_before=T0 + timedelta(minutes=6)), {}, "dc"),
        (None, {"order_by": "start_time"}, "acbd"),
        (None, {"order_by": "end_time", "ascending": True}, "abcd"),
        (None, {"order_by": "update_timestamp"}, "badc"),
    ],
)
async def test_runs_are_found_as_they_were_asked_for(runs, filters, arguments, found):
    query = read_query("sql", filters, **arguments)

    assert "".join(run.run_id for run in await read_runs(runs, query)) == found


@pytest.mark.parametrize("name", ["job_name", "statuses", "run_ids", "tags", "partition", "created_after"])
async def test_the_testing_kit_decides_as_the_database_does(runs, name):
    filters = {
        "job_name": RunsFilter(job_name="etl"),
        "statuses": RunsFilter(statuses=["SUCCESS"]),
        "run_ids": RunsFilter(run_ids=["a", "c"]),
        "tags": RunsFilter(tags={"team": ["data"]}),
        "partition": RunsFilter(tags={"dagster/partition": "p1"}),
        "created_after": RunsFilter(created_after=T0),
    }[name]
    everything = await read_runs(runs, read_query("sql"))
    query = read_query("sql", filters)

    assert [row for row in everything if query.asks_for(row)] == await read_runs(runs, query)


async def test_a_run_knows_when_it_was_queued_and_launched(connection):
    for status in ("QUEUED", "STARTING", "STARTED"):
        await connection.execute("SELECT runbell.record_run_status('r1', 'etl', $1)", status)

    run = await read_run(connection, "r1", "sql")

    assert isinstance(run, RunFacts)
    assert run.enqueued_at < run.launched_at
    assert run.created_at <= run.updated_at
    await connection.execute("SELECT runbell.record_run_status('r2', 'etl', 'SUCCESS')")
    assert (await read_run(connection, "r2", "sql")).launched_at is None


async def test_a_runs_log_has_its_failed_steps_between_its_statuses(connection):
    await connection.execute("SELECT runbell.record_run_status('r1', 'etl', 'STARTED')")
    await connection.execute("SELECT runbell.record_step_failure('r1', 'load', '{\"message\": \"no space left\"}')")
    await connection.execute("SELECT runbell.record_run_status('r1', 'etl', 'FAILURE', message => 'no')")

    log = await read_run_log(connection, "sql", "r1")

    assert [(one.event_type_value, one.step_key, one.message, one.job_name) for one in log] == [
        ("PIPELINE_START", None, None, "etl"),
        ("STEP_FAILURE", "load", "no space left", "etl"),
        ("PIPELINE_FAILURE", None, "no", "etl"),
    ]
    assert await read_run_log(connection, "sql", "unknown") == []
