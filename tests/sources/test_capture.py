"""What the trigger on Dagster's table of runs records."""

import json

import asyncpg
import pytest

from support.dagster_tables import DagsterTables, raised

MESSAGE = "Execution of run for \"etl\" failed. Steps failed: ['a']."


async def test_a_new_run_and_each_change_of_its_status_is_an_event(dagster, captured):
    run_id = await dagster.add_run()

    await dagster.change(run_id, "QUEUED", "STARTING", "STARTED", "SUCCESS")

    assert await captured.statuses(run_id) == ["NOT_STARTED", "QUEUED", "STARTING", "STARTED", "SUCCESS"]


async def test_an_update_that_leaves_the_status_alone_is_none(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")

    await dagster.set_status(run_id, "STARTED")
    await connection.execute("UPDATE runs SET run_body = '{}', partition = 'p'")

    assert await captured.statuses(run_id) == ["STARTED"]


async def test_what_is_rolled_back_is_none(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")

    transaction = connection.transaction()
    await transaction.start()
    await dagster.set_status(run_id, "SUCCESS")
    await transaction.rollback()

    assert await captured.statuses(run_id) == ["STARTED"]


async def test_event_and_run_carry_the_facts_of_the_run(dagster, captured, connection):
    tags = {"dagster/code_location": "prod", "dagster/partition": "2024-01-01", "team": "ä☃"}

    run_id = await dagster.add_run("STARTED", job="nightly", tags=tags, run_config={"ops": {"a": 1}})

    event = await captured.last()
    assert (event["source"], event["run_id"], event["job_name"]) == ("dagster", run_id, "nightly")
    assert (event["code_location"], event["partition_key"]) == ("prod", "2024-01-01")
    assert (event["status"], event["native_status"]) == ("STARTED", "STARTED")
    assert json.loads(event["tags"]) == tags
    known = await connection.fetchrow("SELECT * FROM runbell.runs")
    created = await connection.fetchval("SELECT create_timestamp AT TIME ZONE 'UTC' FROM runs")
    assert json.loads(known["run_config"]) == {"ops": {"a": 1}}
    assert (known["status"], known["created_at"]) == ("STARTED", created)


async def test_times_are_those_of_the_orchestrator(dagster, connection):
    run_id = await dagster.add_run()
    await connection.execute("UPDATE runs SET status = 'STARTED', start_time = 1000.5")
    await connection.execute("UPDATE runs SET status = 'SUCCESS', end_time = 1001.25")

    known = await connection.fetchrow("SELECT * FROM runbell.runs WHERE run_id = $1", run_id)

    assert (known["started_at"].timestamp(), known["ended_at"].timestamp()) == (1000.5, 1001.25)


async def test_the_location_is_found_in_the_repository_tag(dagster, captured):
    await dagster.add_run(tags={".dagster/repository": "__repository__@loc@tion"})

    assert (await captured.last())["code_location"] == "loc@tion"


async def test_the_partition_column_wins_over_the_tag(dagster, captured):
    await dagster.add_run(tags={"dagster/partition": "tag"}, partition="column")

    assert (await captured.last())["partition_key"] == "column"


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"tags": [1], "run_config": 3}', '{"x": NaN}', None], ids=repr
)
async def test_a_body_that_cannot_be_read_costs_the_tags_only(dagster, captured, connection, body):
    run_id = await dagster.add_run("STARTED", tags={"a": "b"})
    if body is not None:
        await connection.execute("UPDATE runs SET run_body = $1", body)

    await connection.execute("UPDATE runs SET run_body = coalesce($1, run_body), status = 'SUCCESS'", body)

    assert await captured.statuses(run_id) == ["STARTED", "SUCCESS"]
    assert json.loads((await captured.last())["tags"]) == ({} if body is not None else {"a": "b"})


async def test_a_character_that_cannot_be_stored_costs_itself_only(dagster, captured):
    await dagster.add_run(body=r'{"tags": {"a": "x\u0000y\ud800z", "b": "c"}}')

    assert json.loads((await captured.last())["tags"]) == {"a": "x\ufffdy\ufffdz", "b": "c"}


async def test_a_column_that_this_dagster_does_not_have_is_unknown(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")
    await connection.execute("ALTER TABLE runs DROP COLUMN partition, DROP COLUMN start_time")

    await connection.execute("UPDATE runs SET status = 'SUCCESS'")

    assert await captured.statuses(run_id) == ["STARTED", "SUCCESS"]


async def test_a_failure_carries_its_message_and_the_runs_error(dagster, captured):
    run_id = await dagster.add_run("STARTED")
    error = raised("wrapper", "DagsterExecutionStepExecutionError", raised("ValueError: no\0", cause=raised("root")))
    await dagster.log(run_id, "FAILURE", message=MESSAGE, error=error)
    await dagster.set_status(run_id, "FAILURE")

    event = await captured.last()

    assert event["message"] == MESSAGE
    found = json.loads(event["error"])
    assert set(found) == {"message", "cls_name", "stack", "cause"}
    assert (found["message"], found["cls_name"]) == ("wrapper", "DagsterExecutionStepExecutionError")
    assert found["cause"]["message"] == "ValueError: no\ufffd"
    assert found["cause"]["stack"] == ["  File of ValueError\n"]
    assert found["cause"]["cause"] | {"stack": None} == {
        "message": "root",
        "cls_name": "ValueError",
        "stack": None,
        "cause": None,
    }


async def test_a_failure_without_an_error_of_its_own_carries_that_of_its_first_step(dagster, captured):
    run_id = await dagster.add_run("STARTED")
    first = {"event_specific_data": {"error": raised("of the step")}}
    await dagster.log(run_id, "FAILURE", message=MESSAGE, first_step_failure_event=first)
    await dagster.set_status(run_id, "FAILURE")

    assert json.loads((await captured.last())["error"])["message"] == "of the step"


async def test_the_newest_failure_of_the_run_itself_counts(dagster, captured):
    run_id, another = await dagster.add_run("STARTED"), await dagster.add_run("STARTED")
    await dagster.log(run_id, "FAILURE", message="first")
    await dagster.log(run_id, "FAILURE", message="second")
    await dagster.log(another, "FAILURE", message="not mine")

    await dagster.set_status(run_id, "FAILURE")

    assert (await captured.last())["message"] == "second"


async def test_without_a_readable_failure_event_the_failure_is_recorded_all_the_same(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")
    await connection.execute(
        "INSERT INTO event_logs (run_id, event, dagster_event_type) VALUES ($1, '{', 'PIPELINE_FAILURE')", run_id
    )
    await dagster.set_status(run_id, "FAILURE")
    await connection.execute("DROP TABLE event_logs")
    other_id = await dagster.add_run("FAILURE")

    assert await captured.statuses(run_id) == ["STARTED", "FAILURE"]
    assert await captured.statuses(other_id) == ["FAILURE"]


async def test_a_run_without_a_job_name_is_kept_and_one_without_status_is_not_yet_anything(
    dagster, captured, connection
):
    await connection.execute("INSERT INTO runs (run_id, status) VALUES ('x', 'STARTED'), ('y', NULL), (NULL, 'QUEUED')")

    assert [(e["run_id"], e["job_name"]) for e in [await captured.last()]] == [("x", "(unnamed)")]
    assert await captured.count() == 1


async def test_the_writers_role_needs_no_right_in_the_schema(dagster, captured, connection, database_url):
    run_id = await dagster.add_run("STARTED")
    await connection.execute("DO $$ BEGIN CREATE ROLE plain_writer LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    await connection.execute("GRANT SELECT, UPDATE ON runs TO plain_writer")
    writer = await asyncpg.connect(database_url, user="plain_writer")
    said = []
    writer.add_log_listener(lambda _, message: said.append(message))

    await DagsterTables(writer).set_status(run_id, "SUCCESS")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await writer.execute("SELECT FROM runbell.run_events")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await writer.execute("SELECT runbell.close_gaps('dagster')")
    await writer.close()
    assert (await captured.statuses(run_id), said) == (["STARTED", "SUCCESS"], [])


async def test_a_path_that_the_session_sets_leads_nowhere_else(dagster, captured, connection):
    await connection.execute("CREATE SCHEMA evil CREATE TABLE run_events (nothing int)")
    await connection.execute("CREATE FUNCTION evil.upper(text) RETURNS text LANGUAGE sql RETURN 'EVIL'")
    await connection.execute("SET search_path = evil, pg_catalog, public")

    run_id = await dagster.add_run("STARTED")

    assert await captured.statuses(run_id) == ["STARTED"]


async def test_the_bell_rings_for_whoever_sleeps(dagster, connection, other):
    rung = []
    await other.add_listener("runbell_events", lambda *_: rung.append(1))
    async with other.transaction():
        await other.execute("LOCK TABLE runbell.bell IN SHARE MODE")
        await dagster.add_run("STARTED")
    await other.execute("SELECT 1")

    assert rung == [1]


async def test_a_session_that_prepares_its_transactions_can_switch_the_bell_off(dagster, captured, connection, other):
    async with other.transaction():
        await other.execute("LOCK TABLE runbell.bell IN SHARE MODE")
        await connection.execute("SET runbell.bell = off")
        await connection.execute("BEGIN")
        run_id = await dagster.add_run("STARTED")
        await connection.execute("PREPARE TRANSACTION 'runbell_capture'")
        await connection.execute("COMMIT PREPARED 'runbell_capture'")

    assert await captured.statuses(run_id) == ["STARTED"]
