"""`runbell migrate --grant-...`: who is given rights, when, and what is said when it cannot be."""

import anyio
import asyncpg
import pytest

from runbell.core.errors import SettingsError
from runbell.ops import schema
from runbell.store.access import Access
from support.processes import runbell
from support.roles import as_role, fresh_role, quoted, session_of

MAY = "SELECT has_table_privilege($1, 'runbell.run_requests', $2)"
ACLS = """
SELECT c.oid::regclass::text AS name, c.relacl::text AS acl FROM pg_class AS c
WHERE c.relnamespace = 'runbell'::regnamespace
UNION ALL
SELECT p.oid::regprocedure::text, p.proacl::text FROM pg_proc AS p WHERE p.pronamespace = 'runbell'::regnamespace
UNION ALL
SELECT n.nspname, n.nspacl::text FROM pg_namespace AS n WHERE n.nspname = 'runbell'
ORDER BY 1
"""


async def test_each_flag_is_repeatable_and_one_command_does_it_all(empty_database_url):
    async with fresh_role(empty_database_url) as one, fresh_role(empty_database_url) as two:
        flags = ["--grant-to", one, "--grant-reader-to", two, "--grant-reader-to", one, "--grant-launcher-to", two]

        done = runbell("migrate", *flags, "--grant-recorder-to", two, RUNBELL_DATABASE_URL=empty_database_url)

        assert (done.code, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            f"migrated from nothing to revision {schema.head_revision()}",
            f"granted to {one}: what a service needs",
            f"granted to {two}: what a recorder needs",
            f"granted to {two}: what a launcher needs",
            f"granted to {two}: what a reader needs",
            f"granted to {one}: what a reader needs",
        ]


async def test_a_second_time_changes_nothing(database_url, connection):
    async with fresh_role(database_url, "service", "recorder", "launcher", "reader") as role:
        before = await connection.fetch(ACLS)

        await schema.migrate(database_url, [Access(role, purpose) for purpose in ("service", "reader", "recorder")])

        assert await connection.fetch(ACLS) == before


async def test_missing_roles_are_named_before_anything_is_done(empty_database_url):
    done = runbell(
        *("migrate", "--grant-to", "no such role", "--grant-reader-to", "nor this"),
        RUNBELL_DATABASE_URL=empty_database_url,
    )

    assert done.code == 2
    assert "no role 'no such role'" in done.stderr
    assert "no role 'nor this'" in done.stderr
    assert "Traceback" not in done.stderr
    session = await asyncpg.connect(empty_database_url)
    assert await session.fetchval("SELECT to_regnamespace('runbell')") is None
    await session.close()


@pytest.mark.parametrize("name", ["public", "PUBLIC", ""])
async def test_everybody_is_no_role(database_url, connection, name):
    with pytest.raises(SettingsError, match="there is no role"):
        await schema.migrate(database_url, [Access(name, "reader")])
    with pytest.raises(asyncpg.InvalidParameterValueError, match="there is no role"):
        await connection.execute("SELECT runbell.grant_access($1, 'reader')", name)


@pytest.mark.parametrize("name", ['o\'hara "the 1st"; --', "Größe", "role with spaces", 'x"; DROP TABLE runbell.runs'])
async def test_a_role_may_have_any_name(database_url, connection, name):
    async with fresh_role(database_url, name=name):
        done = runbell("migrate", "--grant-launcher-to", name, RUNBELL_DATABASE_URL=database_url)

        assert done.code == 0, done.stderr
        assert await connection.fetchval(MAY, name, "SELECT")
        assert await connection.fetchval("SELECT to_regclass('runbell.runs') IS NOT NULL")


@pytest.mark.parametrize("purpose", ["", "Service", "service'; DROP SCHEMA runbell CASCADE; --", None])
async def test_there_are_four_purposes(database_url, connection, purpose):
    async with fresh_role(database_url) as role:
        with pytest.raises(asyncpg.InvalidParameterValueError, match="purpose is"):
            await connection.execute("SELECT runbell.grant_access($1, $2)", role, purpose)


async def test_what_a_later_migration_adds_is_granted_by_the_next_call(database_url, connection):
    async with fresh_role(database_url, "service", "reader") as role:
        await connection.execute("CREATE TABLE runbell.added (one integer GENERATED ALWAYS AS IDENTITY)")
        await connection.execute("CREATE SEQUENCE runbell.added_numbers")
        await connection.execute("CREATE FUNCTION runbell.added() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
        asked = (
            "SELECT has_table_privilege($1, 'runbell.added', 'INSERT'), has_function_privilege($1, 'runbell.added()',"
            " 'EXECUTE'), has_sequence_privilege($1, 'runbell.added_numbers', 'USAGE')"
        )
        await connection.execute("REVOKE ALL ON FUNCTION runbell.added() FROM PUBLIC")
        assert tuple(await connection.fetchrow(asked, role)) == (False, False, False)

        await schema.migrate(database_url, [Access(role, "service")])

        assert tuple(await connection.fetchrow(asked, role)) == (True, True, True)


async def test_who_does_not_own_the_schema_is_told_who_does(database_url):
    async with fresh_role(database_url, "service") as role, fresh_role(database_url) as other:
        done = runbell("migrate", "--grant-to", other, RUNBELL_DATABASE_URL=as_role(database_url, role))

        assert done.code == 2
        assert f"role {role} may not grant rights in schema runbell: do it as its owner, postgres" in done.stderr


async def test_two_at_once_do_not_meet(database_url):
    async with fresh_role(database_url) as one, fresh_role(database_url) as two, anyio.create_task_group() as tasks:
        for role in (one, two) * 3:
            tasks.start_soon(schema.migrate, database_url, [Access(role, "service"), Access(role, "reader")])


def test_a_script_knows_no_roles():
    done = runbell("migrate", "--sql", "--grant-to", "somebody")

    assert (done.code, done.stdout) == (2, "")
    assert "runbell.grant_access('ROLE', 'service')" in done.stderr


async def test_the_owner_of_the_schema_may_grant_without_being_superuser(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    async with fresh_role(empty_database_url) as owner, fresh_role(empty_database_url) as role:
        await session.execute(f"CREATE SCHEMA runbell AUTHORIZATION {quoted(owner)}")

        await schema.migrate(as_role(empty_database_url, owner), [Access(role, "reader")])

        async with session_of(empty_database_url, role) as reader:
            assert await reader.fetch("SELECT * FROM runbell.run_requests") == []
        await session.execute("DROP SCHEMA runbell CASCADE")
    await session.close()


async def test_default_privileges_of_the_database_give_public_nothing(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC")
    await session.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC")
    await session.execute("ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC")

    await schema.migrate(empty_database_url)

    given = [
        row["name"] for row in await session.fetch(ACLS) if "{=" in (row["acl"] or "") or ",=" in (row["acl"] or "")
    ]
    assert given == []
    await session.close()
