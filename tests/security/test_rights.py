"""What each purpose may do in the schema: all that it needs and nothing else, object by object."""

import re

import asyncpg
import pytest

from support.house import QUERIES
from support.roles import fresh_role, session_of

PURPOSES = ("service", "recorder", "launcher", "reader")
WRITE = {"SELECT", "INSERT", "UPDATE", "DELETE"}
READ = {"SELECT"}
# By table: what service, recorder, launcher and reader may. A table that is not named here is an ordinary one.
ORDINARY = (WRITE, set(), set(), READ)
TABLES = {
    # What stands there is read by functions in the owner's name.
    "runbell.sources": (READ, set(), set(), READ),
    "runbell.alembic_version": (READ, set(), READ, READ),
    "runbell.run_requests": (WRITE, set(), READ, READ),
}
# Functions that run in their owner's name, each with who may call it. A new one has to be thought about and named here.
LENT = {
    "record_run_status": {"service", "recorder"},
    "record_step_failure": {"service", "recorder"},
    "claim_run_requests": {"service", "launcher"},
    "renew_run_request": {"service", "launcher"},
    "complete_run_request": {"service", "launcher"},
    "fail_run_request": {"service", "launcher"},
    "close_gaps": {"service"},
    "rebase_places": {"service"},
    "read_step_failures": {"service"},
    "read_retry_tag": {"service"},
    # Whether an attached table has a run: nothing else of it, and what is attached is the owner's to say.
    "compared_past": {"service"},
    "source_keeps_run": {"service"},
    # On a table of one's own these would run whatever its columns' types bring along, in the owner's name.
    "capture_dagster_run": set(),
    "capture_table_row": set(),
    "capture_table_rows": set(),
}
# Others run with the caller's rights and add none; who does not serve is given those that its reads go through.
PLAIN = {"daemon_lives": {"reader"}}
# Of the owner: attaching reads and changes tables of orchestrators.
OWNERS_QUERIES = {"attach_source", "set_source_triggers", "detach_source", "grant_access"}

ON_TABLES = """
SELECT c.oid::regclass::text AS name, array_agg(p.name) FILTER (
    WHERE has_table_privilege($1, c.oid, p.name)
        OR p.name IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege($1, c.oid, p.name)
) AS rights
FROM pg_class AS c, unnest($2::text[]) AS p (name)
WHERE c.relnamespace = 'runbell'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
GROUP BY c.oid
"""
ON_FUNCTIONS = """
SELECT p.oid::regprocedure::text AS signature, p.proname, p.prosecdef, p.prorettype = 'trigger'::regtype AS fires,
    has_function_privilege($1, p.oid, 'EXECUTE') AS callable,
    has_function_privilege($1, p.oid, 'EXECUTE WITH GRANT OPTION') AS grantable
FROM pg_proc AS p WHERE p.pronamespace = 'runbell'::regnamespace
"""
ON_SEQUENCES = """
SELECT c.relname FROM pg_class AS c
WHERE c.relnamespace = 'runbell'::regnamespace
    AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege($1, c.oid, $2) ELSE false END
"""


@pytest.fixture(params=PURPOSES)
async def granted(request, database_url):
    async with fresh_role(database_url, request.param) as role:
        yield request.param, role


async def test_on_tables(connection, granted):
    purpose, role = granted
    kinds = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"]
    if connection.get_server_version().major >= 17:
        kinds.append("MAINTAIN")

    found = {row["name"]: set(row["rights"] or ()) for row in await connection.fetch(ON_TABLES, role, kinds)}

    assert len(found) > 10
    assert set(TABLES) <= set(found)
    place = PURPOSES.index(purpose)
    assert found == {name: TABLES.get(name, ORDINARY)[place] for name in found}


async def test_on_functions(connection, granted):
    purpose, role = granted
    wrong = []
    rows = await connection.fetch(ON_FUNCTIONS, role)
    for row in rows:
        if row["prosecdef"]:
            assert row["proname"] in LENT, f"who may call {row['signature']}, which runs in its owner's name?"
            may = purpose in LENT[row["proname"]]
        else:
            may = not row["fires"] and (purpose == "service" or purpose in PLAIN.get(row["proname"], ()))
        if row["callable"] != may or row["grantable"]:
            wrong.append((row["signature"], row["callable"]))

    assert wrong == []
    assert set(LENT) == {row["proname"] for row in rows if row["prosecdef"]}


async def test_on_schema_sequences_and_database(connection, granted):
    purpose, role = granted
    usable = await connection.fetch(ON_SEQUENCES, role, "USAGE")

    assert await connection.fetchval("SELECT has_schema_privilege($1, 'runbell', 'USAGE')", role)
    assert not await connection.fetchval("SELECT has_schema_privilege($1, 'runbell', 'CREATE')", role)
    assert not await connection.fetchval("SELECT has_database_privilege($1, current_database(), 'CREATE')", role)
    assert bool(usable) == (purpose == "service")
    assert await connection.fetch(ON_SEQUENCES, role, "UPDATE") == []


async def test_nothing_outside_the_schema(connection, granted):
    _, role = granted
    outside = """
        SELECT d.classid::regclass::text, d.objid FROM pg_shdepend AS d JOIN pg_roles AS r ON r.oid = d.refobjid
        WHERE r.rolname = $1
            AND d.dbid IN (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database() UNION SELECT 0)
            AND NOT (
                d.classid = 'pg_namespace'::regclass AND d.objid = 'runbell'::regnamespace
                OR d.classid = 'pg_class'::regclass AND d.objid IN (
                    SELECT c.oid FROM pg_class AS c WHERE c.relnamespace = 'runbell'::regnamespace
                )
                OR d.classid = 'pg_proc'::regclass AND d.objid IN (
                    SELECT p.oid FROM pg_proc AS p WHERE p.pronamespace = 'runbell'::regnamespace
                )
            )
    """

    assert await connection.fetch(outside, role) == []


@pytest.mark.parametrize("name", sorted(path.stem for path in QUERIES.glob("*.sql")))
async def test_the_service_may_send_each_statement_of_the_daemon_and_the_commands(database_url, name):
    # The rights on tables and functions are checked when a plan is made ready to run, so EXPLAIN is enough.
    text = (QUERIES / f"{name}.sql").read_text()
    async with fresh_role(database_url, "service") as role, session_of(database_url, role) as session:
        if name == "lock_bell":
            async with session.transaction():
                await session.execute(text)
            return
        count = len((await session.prepare(text)).get_parameters())
        await session.execute(f"PREPARE asked AS {text}")
        explain = f"EXPLAIN EXECUTE asked{'(' + ', '.join(['NULL'] * count) + ')' if count else ''}"

        await session.execute(explain)


FORBIDDEN = {
    "service": [
        "INSERT INTO runbell.sources (source, kind) VALUES ('s', 'table')",
        "UPDATE runbell.sources SET settings = '{}'",
        "UPDATE runbell.alembic_version SET version_num = '0000'",
        "TRUNCATE runbell.run_events",
        "CREATE TABLE runbell.mine ()",
        "CREATE FUNCTION runbell.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE runbell.run_events DISABLE TRIGGER ALL",
        "CREATE TRIGGER mine AFTER INSERT ON runbell.runs EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TABLE runbell.bell",
        # With tables that it may read and change, it still cannot have them read in the owner's name.
        """
        CREATE TEMP TABLE own (id text, job text, status text);
        SELECT runbell.attach_source('own', 'table', jsonb_build_object(
            'schema', pg_my_temp_schema()::regnamespace, 'table', 'own', 'id', 'id', 'job', 'job', 'status', 'status'
        ))
        """,
        """
        CREATE TEMP TABLE own (a text);
        CREATE TRIGGER t AFTER INSERT ON own EXECUTE FUNCTION runbell.capture_table_row('s', '{}')
        """,
    ],
    "recorder": [
        "SELECT * FROM runbell.run_events",
        "INSERT INTO runbell.run_events (source, run_id, job_name, status) VALUES ('s', 'r', 'j', 's')",
        "SELECT runbell.claim_run_requests('c')",
        "SELECT runbell.keep_run(ROW('s', 'r', 'j', NULL, 's', NULL, '{}', '{}', now(), NULL, NULL, now()))",
        "SELECT runbell.close_gaps('s')",
        "SELECT runbell.ring('runbell_events')",
    ],
    "launcher": [
        "SELECT runbell.record_run_status('r', 'j', 's')",
        "UPDATE runbell.run_requests SET state = 'launched'",
        "INSERT INTO runbell.run_keys (sensor_name, run_key, request_id) VALUES ('s', 'k', 1)",
        "SELECT * FROM runbell.run_requests FOR UPDATE",
        "SELECT * FROM runbell.runs",
        "SELECT * FROM runbell.run_keys",
        "SELECT runbell.read_step_failures('s', 'r')",
    ],
    "reader": [
        "UPDATE runbell.sensors SET state = 'stopped'",
        "DELETE FROM runbell.evaluations",
        "SELECT * FROM runbell.sensors FOR SHARE",
        "LOCK TABLE runbell.bell IN SHARE MODE NOWAIT",
        "LOCK TABLE runbell.run_events IN EXCLUSIVE MODE NOWAIT",
        "SELECT runbell.claim_run_requests('c')",
        "SELECT runbell.read_step_failures('s', 'r')",
    ],
}


@pytest.mark.parametrize(("purpose", "sql"), [(purpose, sql) for purpose, all_ in FORBIDDEN.items() for sql in all_])
async def test_what_is_not_needed_is_refused(database_url, purpose, sql):
    async with fresh_role(database_url, purpose) as role, session_of(database_url, role) as session:
        with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.InvalidParameterValueError)) as caught:
            async with session.transaction():
                await session.execute(sql)

    assert re.search("permission denied|must be owner|may not|no table", str(caught.value))


async def test_the_server_lets_everybody_ask_who_it_is(database_url):
    # Without this the daemon could not tell servers apart; a server that took it away must give it to the role.
    async with fresh_role(database_url) as role, session_of(database_url, role) as session:
        assert await session.fetchval("SELECT system_identifier FROM pg_control_system()")
        assert await session.fetchval("SELECT timeline_id FROM pg_control_checkpoint()")
