"""record_run_status and record_step_failure: what they refuse, what they fill in, what they keep."""

import json

import asyncpg
import pytest

EVENT = "SELECT * FROM runbell.run_events WHERE event_id = $1"
RUN = "SELECT * FROM runbell.runs WHERE source = $1 AND run_id = $2"


async def test_one_call_is_one_event_and_says_which(connection):
    event_id = await record(connection, "r1", "load", "SUCCESS")

    event = await connection.fetchrow(EVENT, event_id)
    assert dict(event) | {"xid": None, "recorded_at": None} == {
        "event_id": event_id,
        "xid": None,
        "source": "sql",
        "run_id": "r1",
        "job_name": "load",
        "code_location": None,
        "status": "SUCCESS",
        "native_status": "SUCCESS",
        "partition_key": None,
        "tags": "{}",
        "message": None,
        "error": None,
        "recorded_at": None,
    }
    assert event["recorded_at"] is not None


async def test_everything_given_is_kept(connection):
    event_id = await connection.fetchval(
        """SELECT runbell.record_run_status(run_id => 'r1', job_name => 'load', status => 'failure',
               code_location => 'etl', partition_key => '2024-01-01', tags => '{"team": "data"}',
               run_config => '{"ops": {}}', message => 'it broke', error => '{"message": "boom"}',
               source => 'airflow')"""
    )

    event = await connection.fetchrow(EVENT, event_id)
    assert (event["source"], event["status"], event["native_status"]) == ("airflow", "FAILURE", "failure")
    assert (event["code_location"], event["partition_key"], event["message"]) == ("etl", "2024-01-01", "it broke")
    assert (json.loads(event["tags"]), json.loads(event["error"])) == ({"team": "data"}, {"message": "boom"})
    run = await connection.fetchrow(RUN, "airflow", "r1")
    assert (run["job_name"], run["code_location"], run["status"]) == ("load", "etl", "FAILURE")
    assert (run["partition_key"], json.loads(run["tags"])) == ("2024-01-01", {"team": "data"})
    assert json.loads(run["run_config"]) == {"ops": {}}


async def test_a_repeated_status_is_recorded_again(connection):
    first = await record(connection, "r1", "load", "STARTED")
    second = await record(connection, "r1", "load", "STARTED")

    assert first != second
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_events WHERE run_id = 'r1'") == 2


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(("given", "complaint"), [(None, "must not be null"), ("", "must not be empty")])
async def test_a_missing_run_id_job_or_status_is_refused_by_name(connection, position, given, complaint):
    arguments = ["r1", "load", "SUCCESS"]
    arguments[position] = given
    name = ("run_id", "job_name", "status")[position]

    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"{name} {complaint}"):
        await record(connection, *arguments)

    assert await connection.fetchval("SELECT count(*) FROM runbell.run_events") == 0


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_up_to_500_bytes_are_taken_and_more_is_refused_by_name(connection, position):
    arguments = ["r1", "load", "SUCCESS"]
    arguments[position] = "ä" * 250
    assert await record(connection, *arguments)

    arguments[position] += "x"
    name = ("run_id", "job_name", "status")[position]
    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"{name} has 501 bytes, at most 500"):
        await record(connection, *arguments)


@pytest.mark.parametrize(("source", "complaint"), [(None, "null"), ("", "empty"), ("s" * 501, "501 bytes")])
async def test_the_source_is_checked_like_the_others(connection, source, complaint):
    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"source .*{complaint}"):
        await connection.execute("SELECT runbell.record_run_status('r', 'j', 's', source => $1)", source)


@pytest.mark.parametrize("tags", ["[]", '"text"', "1", "null"])
async def test_tags_that_are_no_object_are_refused(connection, tags):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="tags must be a JSON object, not"):
        await connection.execute("SELECT runbell.record_run_status('r', 'j', 's', tags => $1::jsonb)", tags)


@pytest.mark.parametrize("argument", ["tags", "run_config"])
async def test_null_tags_and_config_are_empty_ones(connection, argument):
    await connection.execute(f"SELECT runbell.record_run_status('r', 'j', 's', {argument} => NULL)")

    run = await connection.fetchrow(RUN, "sql", "r")
    assert (run["tags"], run["run_config"]) == ("{}", "{}")


@pytest.mark.parametrize(
    ("given", "stored"), [("success", "SUCCESS"), ("Skipped", "SKIPPED"), ("up_for_retry", "UP_FOR_RETRY")]
)
async def test_a_status_is_stored_upper_cased_known_or_not_and_the_native_one_kept(connection, given, stored):
    event = await connection.fetchrow(EVENT, await record(connection, "r1", "load", given))

    assert (event["status"], event["native_status"]) == (stored, given)


async def test_the_partition_comes_from_the_column_or_else_from_the_tag(connection):
    tags = '{"dagster/partition": "from the tag"}'
    sql = "SELECT runbell.record_run_status($1, 'j', 's', partition_key => $2, tags => $3)"

    by_tag = await connection.fetchrow(EVENT, await connection.fetchval(sql, "r1", None, tags))
    by_both = await connection.fetchrow(EVENT, await connection.fetchval(sql, "r2", "from the column", tags))

    assert (by_tag["partition_key"], by_both["partition_key"]) == ("from the tag", "from the column")
    assert (await connection.fetchrow(RUN, "sql", "r1"))["partition_key"] == "from the tag"


async def test_what_is_known_of_a_run_grows_with_its_events(connection):
    await connection.execute(
        """SELECT runbell.record_run_status('r', 'j', 'queued', 'etl',
               tags => '{"a": "b"}', run_config => '{"c": 1}')"""
    )
    for status in ("STARTED", "SUCCESS"):
        await record(connection, "r", "j", status)

    run = await connection.fetchrow(RUN, "sql", "r")
    assert (run["status"], run["code_location"], run["tags"], run["run_config"]) == (
        *("SUCCESS", "etl"),
        *('{"a": "b"}', '{"c": 1}'),
    )
    assert run["created_at"] <= run["started_at"] <= run["ended_at"]


async def test_a_run_that_goes_on_has_not_ended(connection):
    for status in ("STARTED", "FAILURE", "STARTED"):
        await record(connection, "r", "j", status)

    assert (await connection.fetchrow(RUN, "sql", "r"))["ended_at"] is None


async def test_a_run_belongs_to_its_source(connection):
    for source in ("one", "other"):
        await connection.execute("SELECT runbell.record_run_status('r', 'j', $1, source => $1)", source)

    assert [row[0] for row in await connection.fetch("SELECT status FROM runbell.runs ORDER BY 1")] == ["ONE", "OTHER"]


async def test_text_that_postgresql_cannot_store_is_its_own_error(connection):
    with pytest.raises(asyncpg.UntranslatableCharacterError):
        await connection.execute("SELECT runbell.record_run_status('r', 'j', 's', tags => $1)", '{"a": "\\u0000"}')


async def test_a_step_failure_is_recorded_with_its_error(connection):
    error = '{"message": "boom", "stack": ["line 1"]}'

    number = await connection.fetchval("SELECT runbell.record_step_failure('r', 'extract', $1)", error)

    row = await connection.fetchrow("SELECT * FROM runbell.step_failures WHERE step_failure_id = $1", number)
    assert (row["source"], row["run_id"], row["step_key"]) == ("sql", "r", "extract")
    assert json.loads(row["error"]) == json.loads(error)


async def test_a_step_failure_without_an_error_has_an_empty_one(connection):
    await connection.execute("SELECT runbell.record_step_failure('r', 'extract', NULL, 'airflow')")

    assert [tuple(row) for row in await connection.fetch("SELECT source, error FROM runbell.step_failures")] == [
        ("airflow", "{}")
    ]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize(("given", "complaint"), [(None, "null"), ("", "empty"), ("x" * 501, "501 bytes")])
async def test_a_step_failure_of_nothing_is_refused_by_name(connection, position, given, complaint):
    arguments = ["r", "extract", "sql"]
    arguments[position] = given

    with pytest.raises(
        asyncpg.InvalidParameterValueError, match=f"{('run_id', 'step_key', 'source')[position]} .*{complaint}"
    ):
        await connection.execute("SELECT runbell.record_step_failure($1, $2, '{}', $3)", *arguments)


async def record(session, *arguments):
    return await session.fetchval("SELECT runbell.record_run_status($1, $2, $3)", *arguments)
