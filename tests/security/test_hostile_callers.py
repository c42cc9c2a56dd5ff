"""Whoever calls a function that lends its owner's rights, or changes what is captured, cannot make it run his code."""

import re

import asyncpg
import pytest

from runbell.sources import attaching
from runbell.store import connections
from runbell.store.overview import count_run_requests, list_sensors
from support.dagster_tables import TABLES, DagsterTables
from support.house import QUERIES
from support.roles import fresh_role, quoted, session_of

# Functions that put a statement together, each with the reason why nothing but names gets into its text.
DYNAMIC = {
    "read_dagster_failure": "the schema, as %I",
    "note_dagster_runs": "the schema, as %I",
    "first_watermark": "the schema, as %I",
    "find_dagster_gaps": "the schema, as %I",
    "next_dagster_watermark": "the schema, as %I",
    "close_dagster_gaps": "the schema, as %I",
    "read_dagster_step_failures": "the schema, as %I",
    "read_retry_tag": "the schema, as %1$I",
    "compared_past": "the schema, as %I",
    "source_keeps_run": "schema, table and column as %I, the column's type as PostgreSQL writes it",
    "note_table_runs": "table and columns as %I, the map of statuses as %L",
    "close_table_gaps": "table and columns as %I, the map of statuses as %L, the age of a transaction as a number",
    "capture_table_row": "columns as %I, the map of statuses as %L",
    "capture_table_rows": "columns as %I, the map of statuses as %L",
    "write_capture_table_row": "columns as %I, sources and the map of statuses as %L, the whole body as %L",
    "drop_triggers": "the table and its triggers, as %I",
    "create_triggers": "table and columns as %I, source and settings as %L",
    "grant_access": "the rights, from list_rights, and the role as %I",
}
HOSTILE = """
CREATE FUNCTION {s}.spring(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {s}.sprung VALUES (what, current_user);
END $$;
CREATE TABLE {s}.sprung (what text, by_whom text);
GRANT ALL ON {s}.sprung TO PUBLIC;
CREATE FUNCTION {s}.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT {s}.spring('upper'); SELECT 'MINE' $$;
CREATE FUNCTION {s}.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$
    SELECT {s}.spring('clock'); SELECT pg_catalog.now() $$;
CREATE FUNCTION {s}.jsonb_typeof(jsonb) RETURNS text LANGUAGE sql AS $$ SELECT {s}.spring('jsonb'); SELECT 'object' $$;
CREATE FUNCTION {s}.octet_length(text) RETURNS integer LANGUAGE sql AS $$ SELECT {s}.spring('length'); SELECT 1 $$;
CREATE FUNCTION {s}.current_setting(text, boolean) RETURNS text LANGUAGE sql AS $$
    SELECT {s}.spring('setting'); SELECT 'on' $$;
CREATE FUNCTION {s}.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$
    SELECT {s}.spring('set_config'); SELECT '' $$;
CREATE FUNCTION {s}.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql AS $$
    SELECT {s}.spring('to_jsonb'); SELECT NULL::jsonb $$;
CREATE FUNCTION {s}.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS $$ SELECT {s}.spring('unnest'); SELECT 'mine' $$;
CREATE FUNCTION {s}.jsonb_array_elements_text(jsonb) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT {s}.spring('elements'); SELECT 'mine' $$;
CREATE FUNCTION {s}.same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT {s}.spring('='); SELECT true $$;
CREATE OPERATOR {s}.= (LEFTARG = text, RIGHTARG = text, FUNCTION = {s}.same);
CREATE OPERATOR {s}.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = {s}.same);
CREATE FUNCTION {s}.same(varchar, text) RETURNS boolean LANGUAGE sql AS $$ SELECT {s}.spring('v='); SELECT true $$;
CREATE OPERATOR {s}.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = {s}.same);
CREATE FUNCTION {s}.get(jsonb, text) RETURNS text LANGUAGE sql AS $$ SELECT {s}.spring('->>'); SELECT 'x' $$;
CREATE OPERATOR {s}.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = {s}.get);
CREATE DOMAIN {s}.timestamptz AS text CHECK ({s}.spring('domain') IS NOT NULL);
"""
TEMPORARY = """
CREATE TEMP TABLE run_events (LIKE pg_class); CREATE TEMP TABLE runs (LIKE pg_class);
CREATE TEMP TABLE sources (source text); CREATE TEMP TABLE pg_class (oid oid);
CREATE DOMAIN pg_temp.text AS pg_catalog.int4;
SET search_path = mine, pg_temp, pg_catalog;
"""


@pytest.fixture
async def hostile(database_url, connection):
    """A session of a role that may record and launch, whose search_path leads to its own functions first."""
    async with fresh_role(database_url, "recorder", "launcher") as role:
        await connection.execute(f"CREATE SCHEMA mine AUTHORIZATION {quoted(role)}")
        await connection.execute(f"GRANT TEMPORARY ON DATABASE {database_url.split('/')[3].split('?')[0]} TO {role}")
        async with session_of(database_url, role) as session:
            await session.execute(HOSTILE.format(s="mine"))
            await session.execute(TEMPORARY)
            yield session


async def sprung(connection):
    return [tuple(row) for row in await connection.fetch("SELECT * FROM mine.sprung")]


async def test_the_traps_work(connection, hostile):
    await hostile.execute("SELECT upper('a'), clock_timestamp(), 'a'::pg_catalog.text = 'b'::pg_catalog.text")

    assert {what for what, _ in await sprung(connection)} == {"upper", "clock", "="}


async def test_calls_run_nothing_of_the_callers(connection, hostile):
    event_id = await hostile.fetchval(
        "SELECT runbell.record_run_status('r', 'j', 'success', tags => '{\"dagster/partition\": \"p\"}')"
    )
    await hostile.execute("SELECT runbell.record_step_failure('r', 'load', '{}')")
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)"
        " VALUES ('s', 1, 0, 't', 'j')"
    )
    claimed = await hostile.fetch("SELECT request_id, attempts FROM runbell.claim_run_requests('c', targets => '{t}')")
    call = "($1::pg_catalog.int8, $2::pg_catalog.int4, "
    for action in ("renew_run_request%s'1 minute')", "fail_run_request%s'e', '0')"):
        assert await hostile.fetchval("SELECT runbell." + action % call, *claimed[0].values())

    row = await connection.fetchrow("SELECT * FROM runbell.run_events WHERE event_id = $1", event_id)
    assert (row["status"], row["partition_key"], row["run_id"]) == ("SUCCESS", "p", "r")
    assert await sprung(connection) == []


@pytest.mark.parametrize("form", ["row", "statement"])
async def test_capture_runs_nothing_of_the_orchestrators(connection, hostile, form):
    await hostile.execute(
        "CREATE TABLE mine.tasks"
        " (id pg_catalog.int8, name pg_catalog.text, state pg_catalog.varchar, tags pg_catalog.jsonb)"
    )
    settings = {"schema": "mine", "table": "tasks", "id": "id", "job": "name", "status": "state", "tags": "tags"}
    wanted = attaching.Attachment(
        source="t", kind="table", settings={**settings, "map": {"ok": "SUCCESS"}}, trigger=form
    )
    await attaching.attach(connection, wanted)

    await hostile.execute("INSERT INTO mine.tasks VALUES (1, 'load', 'ok', '{\"a\": \"b\"}')")
    await hostile.execute("UPDATE mine.tasks SET state = 'failure'")

    statuses = "SELECT array_agg(status ORDER BY event_id) FROM runbell.run_events WHERE source = 't'"
    assert await connection.fetchval(statuses) == ["SUCCESS", "FAILURE"]
    assert await sprung(connection) == []


async def test_capture_of_dagster_runs_nothing_of_the_orchestrators(connection, hostile):
    await connection.execute("CREATE SCHEMA dagster")
    await connection.execute("SET search_path = dagster; " + TABLES + "RESET search_path")
    role = await connection.fetchval("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'mine'")
    await connection.execute(
        f"GRANT USAGE ON SCHEMA dagster TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA dagster TO {role}"
    )
    await attaching.attach(connection, attaching.Attachment(source="d", kind="dagster", settings={"schema": "dagster"}))
    await connection.execute("SET search_path = dagster")
    run_id = await DagsterTables(connection).add_run("STARTED", tags={"dagster/partition": "p"})
    await DagsterTables(connection).log(run_id, "FAILURE", message="m")

    await hostile.execute("UPDATE dagster.runs SET status = 'FAILURE' WHERE true")

    row = await connection.fetchrow("SELECT * FROM runbell.run_events ORDER BY event_id DESC LIMIT 1")
    assert (row["status"], row["message"], row["partition_key"]) == ("FAILURE", "m", "p")
    assert await sprung(connection) == []


async def test_what_somebody_puts_into_public_is_not_run_by_our_sessions(database_url, connection):
    # On PostgreSQL 14 everybody may create in `public`, which every plain search_path leads to.
    await connection.execute("CREATE SCHEMA mine")
    await connection.execute(HOSTILE.format(s="public").replace("public.sprung", "mine.sprung"))
    asked = (QUERIES / "count_run_requests.sql").read_text()
    await connection.fetch(asked)
    # With the path that a session has by itself, the statement runs it: without a prefix, the better match wins.
    assert {what for what, _ in await sprung(connection)} == {"unnest"}
    await connection.execute("DELETE FROM mine.sprung")

    session = await connections.connect(database_url, role="command")
    try:
        await count_run_requests(session)
        await list_sensors(session, None)
    finally:
        await session.close()

    assert await sprung(connection) == []


async def test_every_function_that_lends_its_rights_looks_into_temporary_tables_last(connection):
    rows = await connection.fetch(
        "SELECT oid::regprocedure::text AS name, prosecdef, proconfig::text[] AS settings, prolang FROM pg_proc"
        " WHERE pronamespace = 'runbell'::regnamespace"
    )

    assert [row["name"] for row in rows if row["prosecdef"]]
    loose = [row["name"] for row in rows if "search_path=pg_catalog, pg_temp" not in (row["settings"] or [])]
    # Inlined into the statements of others, whose path holds: an operator of jsonb, and constants.
    assert set(loose) <= {"runbell.source_table(runbell.sources)", "runbell.dagster_event_types()"}


async def test_statements_are_put_together_from_names_only(connection):
    rows = await connection.fetch(
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'runbell'::regnamespace AND prolang <> 0"
    )
    sources = {row["proname"]: re.sub(r"--.*", "", row["prosrc"]) for row in rows}

    executing = {name for name, text in sources.items() if re.search(r"\bEXECUTE\b(?! FUNCTION| ON FUNCTION)", text)}
    assert executing == set(DYNAMIC)
    for name, text in sources.items():
        # Text is made by format() alone: whatever is glued together would not be quoted.
        assert name not in DYNAMIC or not re.search(r"EXECUTE\s+(?!format\()(?!FUNCTION)\S", text), name
        assert not re.search(r"EXECUTE\s+format\([^;]*\|\|", text), name


@pytest.mark.parametrize(
    "nasty", ["'; DROP TABLE runbell.runs; --", '"; DROP TABLE runbell.runs; --', "\\'", "%I%s%L$1", "$$", "Größe 💥"]
)
async def test_text_given_to_functions_stays_text(connection, nasty):
    event_id = await connection.fetchval(
        "SELECT runbell.record_run_status($1, $1, $1, $1, $1, jsonb_build_object($1::text, $1::text),"
        " jsonb_build_object($1::text, $1::text), $1, to_jsonb($1::text), $1)",
        nasty,
    )
    await connection.fetchval("SELECT runbell.record_step_failure($1, $1, to_jsonb($1::text), $1)", nasty)
    steps = await connection.fetch("SELECT * FROM runbell.read_step_failures($1, $1)", nasty)
    assert (
        await connection.fetch("SELECT * FROM runbell.claim_run_requests($1, targets => ARRAY[$1::text])", nasty) == []
    )
    for call in ("close_gaps($1)", "complete_run_request(1, 1, $1)", "fail_run_request(1, 1, $1)"):
        assert await connection.fetchval(f"SELECT runbell.{call}", nasty) in (0, False)

    row = await connection.fetchrow("SELECT * FROM runbell.run_events WHERE event_id = $1", event_id)
    assert [row[name] for name in ("run_id", "job_name", "native_status", "code_location", "source", "message")] == [
        nasty
    ] * 6
    assert [step["step_key"] for step in steps] == [nasty]


@pytest.mark.parametrize("form", ["row", "statement", "none"])
async def test_names_given_to_attach_stay_names(connection, form):
    nasty = "a\"b'c; DROP TABLE runbell.runs; -- %I %s $1 \\"
    name = quoted(nasty)
    await connection.execute(f"CREATE SCHEMA {name}")
    columns = {key: f"{nasty} {key}" for key in ("id", "job", "status", "partition", "tags", "location")}
    made = ", ".join(f"{quoted(column)} text" for column in columns.values())
    await connection.execute(f"CREATE TABLE {name}.{name} ({made})")
    settings = {"schema": nasty, "table": nasty, "map": {nasty: nasty, "ok": "SUCCESS"}, **columns}
    await attaching.attach(
        connection, attaching.Attachment(source=nasty, kind="table", settings=settings, trigger=form)
    )
    assert await attaching.find_faults(connection, nasty) == []

    values = "('r', 'j', 'ok', 'p', '{}', 'l'), ('r2', 'j', $1, 'p', '{}', 'l')"
    await connection.execute(f"INSERT INTO {name}.{name} VALUES {values}", nasty)
    await connection.execute(
        f"UPDATE {name}.{name} SET {quoted(columns['status'])} = 'failure' WHERE {quoted(columns['id'])} = 'r'"
    )
    await connection.fetchval("SELECT runbell.close_gaps($1)", nasty)

    found = await connection.fetch("SELECT source, status FROM runbell.run_events ORDER BY run_id DESC, event_id")
    assert {row["source"] for row in found} == {nasty}
    assert [row["status"] for row in found] in ([nasty.upper(), "SUCCESS", "FAILURE"], [nasty.upper(), "FAILURE"])
    await attaching.detach(connection, nasty)


async def test_names_given_to_attach_dagster_stay_names(connection):
    nasty = "d\"a'g; DROP TABLE runbell.runs; -- %I %s $1 \\"
    await connection.execute(f"CREATE SCHEMA {quoted(nasty)}")
    await connection.execute(f"SET search_path = {quoted(nasty)}; " + TABLES)
    await attaching.attach(connection, attaching.Attachment(source=nasty, kind="dagster", settings={"schema": nasty}))
    tables = DagsterTables(connection)
    run_id = await tables.add_run("STARTED")
    await tables.log_step_failure(run_id, nasty, nasty, None)
    await tables.change(run_id, "FAILURE")

    assert await connection.fetchval("SELECT runbell.close_gaps($1)", nasty) == 0
    steps = await connection.fetch("SELECT * FROM runbell.read_step_failures($1, $2)", nasty, run_id)
    assert [step["step_key"] for step in steps] == [nasty]
    await attaching.detach(connection, nasty)


async def test_settings_that_are_not_text_are_refused_in_a_sentence(connection):
    for settings in (
        "{}",
        "[]",
        "null",
        '{"schema": {"a": 1}, "table": [1]}',
        '{"schema": "public", "table": "x", "id": 7}',
    ):
        for kind in ("table", "dagster", "", "other"):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await connection.execute("SELECT runbell.attach_source('s', $1, $2)", kind, settings)
            assert caught.value.sqlstate == "22023", (kind, settings, caught.value)
