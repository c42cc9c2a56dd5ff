"""`runbell migrate`: from nothing, again, at the same time, beside another tool, as a script."""

from pathlib import Path

import anyio
import asyncpg
import pytest

from runbell.core.errors import SchemaBehindError
from runbell.ops import schema
from support.catalogs import read_catalog
from support.postgres import private_server, psql
from support.processes import python, runbell


async def test_an_empty_database_gets_everything(empty_database_url):
    before, after = await schema.migrate(empty_database_url)

    assert before is None
    assert after == schema.head_revision()
    assert any(line.startswith("table runbell.run_events r") for line in await read_catalog(empty_database_url))


async def test_a_second_time_nothing_is_done(database_url):
    catalog = await read_catalog(database_url)

    assert await schema.migrate(database_url) == (schema.head_revision(), schema.head_revision())

    assert await read_catalog(database_url) == catalog


async def test_of_two_at_once_one_migrates_and_the_other_finds_nothing_to_do(empty_database_url):
    results = []

    async def migrate():
        results.append(await schema.migrate(empty_database_url))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(migrate)

    head = schema.head_revision()
    assert sorted(results, key=str) == sorted([(None, head), *[(head, head)] * 3], key=str)


async def test_a_migration_that_fails_leaves_nothing_behind(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("CREATE SCHEMA runbell CREATE TABLE cluster (somebody_elses text)")

    with pytest.raises(SchemaBehindError, match='relation "cluster" already exists'):
        await schema.migrate(empty_database_url)

    assert await session.fetchval("SELECT to_regclass('runbell.run_events')") is None
    await session.close()


async def test_a_migration_that_fails_keeps_those_before_it(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("CREATE SCHEMA runbell CREATE TABLE overtaken (somebody_elses text)")

    with pytest.raises(SchemaBehindError, match='relation "overtaken" already exists'):
        await schema.migrate(empty_database_url)

    assert await session.fetchval("SELECT version_num FROM runbell.alembic_version") == "0001"
    await session.execute("DROP TABLE runbell.overtaken")
    assert await schema.migrate(empty_database_url) == ("0001", schema.head_revision())
    await session.close()


async def test_the_version_table_of_another_tool_is_not_touched(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY)")
    await session.execute("INSERT INTO public.alembic_version VALUES ('theirs')")
    public = [line for line in await read_catalog(empty_database_url) if " public." in line]
    assert public

    await schema.migrate(empty_database_url)

    assert [line for line in await read_catalog(empty_database_url) if " public." in line] == public
    assert await session.fetchval("SELECT string_agg(version_num, ',') FROM public.alembic_version") == "theirs"
    assert await session.fetchval("SELECT version_num FROM runbell.alembic_version") == schema.head_revision()
    await session.close()


async def test_a_search_path_that_leads_elsewhere_changes_nothing(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("CREATE SCHEMA theirs")
    name = empty_database_url.partition("?")[0].rpartition("/")[2]
    await session.execute(f"ALTER DATABASE {name} SET search_path = theirs, public")
    await session.close()

    await schema.migrate(empty_database_url)

    catalog = await read_catalog(empty_database_url)
    assert not [line for line in catalog if " theirs." in line or " public." in line]


async def test_a_role_may_be_given_the_schema_instead_of_the_right_to_create_one(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("DROP ROLE IF EXISTS owner_of_schema")
    await session.execute("CREATE ROLE owner_of_schema LOGIN")
    await session.execute("CREATE SCHEMA runbell AUTHORIZATION owner_of_schema")

    await schema.migrate(empty_database_url.replace("postgres@", "owner_of_schema@"))

    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'runbell'"
    assert [row["tableowner"] for row in await session.fetch(owners)] == ["owner_of_schema"]
    await session.execute("DROP OWNED BY owner_of_schema")
    await session.execute("DROP ROLE owner_of_schema")
    await session.close()


async def test_a_role_that_may_not_create_is_told_so(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute("DROP ROLE IF EXISTS may_nothing")
    await session.execute("CREATE ROLE may_nothing LOGIN")

    with pytest.raises(SchemaBehindError, match="permission denied for database"):
        await schema.migrate(empty_database_url.replace("postgres@", "may_nothing@"))

    await session.execute("DROP ROLE may_nothing")
    await session.close()


async def test_the_printed_script_run_by_psql_makes_the_same_schema(empty_database_url, database_url):
    script = runbell("migrate", "--sql").stdout

    psql(empty_database_url, script)

    assert await read_catalog(empty_database_url) == await read_catalog(database_url)
    assert await schema.migrate(empty_database_url) == (schema.head_revision(), schema.head_revision())


def test_the_script_is_only_sql():
    for line in runbell("migrate", "--sql").stdout.splitlines():
        assert not line.startswith(("INFO", "Traceback"))


def test_it_works_from_any_folder(empty_database_url, tmp_path: Path):
    done = runbell("migrate", "--database-url", empty_database_url, cwd=tmp_path)

    assert done.stdout == f"migrated from nothing to revision {schema.head_revision()}\n"
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_the_url_may_come_from_the_environment(database_url):
    done = runbell("migrate", RUNBELL_DATABASE_URL=database_url)

    assert done.stdout == f"nothing to do: the schema is at revision {schema.head_revision()}\n"


async def test_a_password_may_hold_any_character():
    with private_server(tcp=True, password="p@ss:w/o?r#d%20'\" ü") as server:
        await schema.migrate(server.admin_url)

        session = await asyncpg.connect(server.admin_url)
        assert await session.fetchval("SELECT version_num FROM runbell.alembic_version") == schema.head_revision()
        await session.close()


def test_a_downgrade_is_not_offered():
    assert "downgrade" not in runbell("migrate", "--help").stdout
    for path in schema.find_folder("migrations").glob("versions/*.py"):
        assert "def downgrade" not in path.read_text()


def test_the_newest_revision_is_known_without_alembic():
    code = "import sys; from runbell.ops import schema; print(schema.head_revision(), 'alembic' in sys.modules)"
    head, imported = python(code).split()

    revisions = [path.read_text() for path in schema.find_folder("migrations").glob("versions/*.py")]
    assert sum(f'revision = "{head}"' in text and f'down_revision = "{head}"' not in text for text in revisions) == 1
    assert imported == "False"
