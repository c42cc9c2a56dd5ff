"""Nobody but the owner can call or read anything in the schema until a role is granted it."""

import os

import asyncpg
import pytest

FUNCTIONS = """
SELECT p.oid::regprocedure::text AS signature, has_function_privilege($1, p.oid, 'EXECUTE') AS callable
FROM pg_proc AS p WHERE p.pronamespace = 'runbell'::regnamespace
"""
TABLES = """
SELECT c.oid::regclass::text AS name,
       has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE') AS reachable
FROM pg_class AS c WHERE c.relnamespace = 'runbell'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
"""


@pytest.fixture
async def stranger(connection):
    role = f"stranger_{os.getpid()}"
    await connection.execute(f"DROP ROLE IF EXISTS {role}")
    await connection.execute(f"CREATE ROLE {role} LOGIN")
    yield role
    await connection.execute(f"DROP OWNED BY {role}")
    await connection.execute(f"DROP ROLE {role}")


async def test_a_fresh_role_can_call_nothing(connection, stranger):
    # Said of each function, whether or not its schema can be used at all.
    functions = await connection.fetch(FUNCTIONS, stranger)

    assert len(functions) > 5
    assert [row["signature"] for row in functions if row["callable"]] == []


async def test_a_fresh_role_can_read_nothing(connection, stranger):
    tables = await connection.fetch(TABLES, stranger)

    assert len(tables) > 5
    assert [row["name"] for row in tables if row["reachable"]] == []
    assert not await connection.fetchval("SELECT has_schema_privilege($1, 'runbell', 'USAGE, CREATE')", stranger)


@pytest.mark.parametrize(
    "sql", ["SELECT runbell.record_run_status('r', 'j', 's')", "SELECT * FROM runbell.runs", "TABLE runbell.bell"]
)
async def test_a_fresh_role_that_tries_is_refused(database_url, stranger, sql):
    session = await asyncpg.connect(database_url.replace("postgres@", f"{stranger}@"))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.execute(sql)

    await session.close()


async def test_whoever_may_record_needs_no_right_on_the_tables(connection, database_url, stranger):
    await connection.execute(f"GRANT USAGE ON SCHEMA runbell TO {stranger}")
    await connection.execute(f"GRANT EXECUTE ON FUNCTION runbell.record_run_status TO {stranger}")
    session = await asyncpg.connect(database_url.replace("postgres@", f"{stranger}@"))

    assert await session.fetchval("SELECT runbell.record_run_status('r', 'j', 's')") > 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await session.execute("SELECT * FROM runbell.run_events")

    await session.close()


async def test_a_caller_cannot_put_its_own_functions_in_the_way(connection, database_url, stranger):
    # A function that runs with its owner's rights and the caller's search_path would run the caller's `upper`.
    await connection.execute(f"GRANT USAGE ON SCHEMA runbell TO {stranger}")
    await connection.execute(f"GRANT EXECUTE ON FUNCTION runbell.record_run_status TO {stranger}")
    await connection.execute(f"CREATE SCHEMA mine AUTHORIZATION {stranger}")
    session = await asyncpg.connect(database_url.replace("postgres@", f"{stranger}@"))
    await session.execute("CREATE FUNCTION mine.upper(text) RETURNS text LANGUAGE sql AS $$ SELECT 'MINE' $$")
    await session.execute("SET search_path = mine, pg_catalog")

    event_id = await session.fetchval("SELECT runbell.record_run_status('r', 'j', 'success')")

    await session.close()
    assert await connection.fetchval("SELECT status FROM runbell.run_events WHERE event_id = $1", event_id) == "SUCCESS"


async def test_every_function_that_lends_its_rights_pins_its_search_path(connection):
    loose = """SELECT p.oid::regprocedure::text FROM pg_proc AS p
               WHERE p.pronamespace = 'runbell'::regnamespace AND p.prosecdef
                   AND NOT coalesce(p.proconfig::text LIKE '%search_path=%', false)"""

    assert [row[0] for row in await connection.fetch(loose)] == []
