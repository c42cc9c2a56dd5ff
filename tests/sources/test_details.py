"""What a source knows of a run beyond its status: the failed steps."""

import json

import pytest

from runbell.core.errors import StatementRefusedError
from runbell.sources.details import read_step_failures
from support.dagster_tables import raised


async def test_dagsters_failed_steps_come_from_its_log_with_the_wrapper_and_the_users_error(dagster, connection):
    run_id, another = await dagster.add_run("STARTED"), await dagster.add_run("STARTED")
    error = raised(
        "Error occurred while executing op", "DagsterExecutionStepExecutionError", raised("ValueError: no\0")
    )
    await dagster.log_step_failure(run_id, "b", 'Execution of step "b" failed.', error)
    await dagster.log_step_failure(run_id, "a", 'Execution of step "a" failed.', None)
    await dagster.log_step_failure(another, "c", "another", error)

    first, second = await read_step_failures(connection, "dagster", run_id)

    assert (first.step_key, first.message) == ("b", 'Execution of step "b" failed.')
    found = json.loads(first.error)
    assert (found["cls_name"], found["cause"]["message"]) == (
        "DagsterExecutionStepExecutionError",
        "ValueError: no\ufffd",
    )
    assert found["cause"]["stack"] == ["  File of ValueError\n"]
    assert (second.step_key, second.error) == ("a", None)
    now = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    assert now - 30 < first.recorded_at <= second.recorded_at <= now


async def test_recorded_step_failures_are_those_of_the_source_and_run(dagster, connection):
    for source, run_id, key in (("sql", "1", "a"), ("sql", "1", "b"), ("sql", "2", "c"), ("other", "1", "d")):
        await connection.execute(
            "SELECT runbell.record_step_failure($1, $2, $3, $4)", run_id, key, '{"message": "m"}', source
        )

    found = await read_step_failures(connection, "sql", "1")

    assert [(failure.step_key, failure.message, failure.error) for failure in found] == [
        ("a", "m", '{"message": "m"}'),
        ("b", "m", '{"message": "m"}'),
    ]
    assert await read_step_failures(connection, "unknown", "1") == []


async def test_a_log_that_is_gone_is_named(dagster, connection):
    await connection.execute("DROP TABLE event_logs")

    with pytest.raises(StatementRefusedError, match="source dagster cannot be read"):
        await read_step_failures(connection, "dagster", "x")
