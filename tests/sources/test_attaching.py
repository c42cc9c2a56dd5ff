"""Attaching and detaching: what it leaves behind, what it refuses, and that it never makes the orchestrator wait."""

import time

import anyio
import asyncpg
import pytest

from runbell.core.errors import SettingsError
from runbell.ops import schema
from runbell.sources import attaching
from runbell.sources.attached import read_attached
from runbell.sources.attaching import Attachment
from support.catalogs import read_catalog
from support.dagster_tables import TABLES
from support.processes import runbell

DAGSTER = Attachment(source="dagster", kind="dagster", settings={"schema": "public"})


async def catalog_of_public(url):
    return [line for line in await read_catalog(url) if " public." in line]


async def test_public_is_as_it_was_after_migrating_attaching_and_detaching(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute(TABLES)
    before = await catalog_of_public(empty_database_url)

    await schema.migrate(empty_database_url)
    assert await catalog_of_public(empty_database_url) == before

    await attaching.attach(session, DAGSTER)
    added = set(await catalog_of_public(empty_database_url)) - set(before)
    assert sorted(line.split(" CREATE TRIGGER ")[1].split(" ")[0] for line in added) == [
        "runbell_capture_insert",
        "runbell_capture_update",
    ]

    await attaching.detach(session, "dagster")
    assert await catalog_of_public(empty_database_url) == before
    assert await read_attached(session) == []
    await session.close()


async def test_without_a_trigger_public_is_not_touched_at_all(tables, connection, database_url):
    before = await catalog_of_public(database_url)

    await attaching.attach(connection, Attachment(**{**_fields(DAGSTER), "trigger": "none"}))

    assert await catalog_of_public(database_url) == before
    assert [(s.source, s.kind, s.trigger) for s in await read_attached(connection)] == [("dagster", "dagster", None)]


async def test_attaching_again_changes_nothing_but_puts_back_what_is_gone(dagster, captured, connection, database_url):
    attached = await catalog_of_public(database_url)
    await dagster.add_run("STARTED")
    assert await attaching.attach(connection, DAGSTER) is False
    assert await catalog_of_public(database_url) == attached

    await connection.execute("DROP TRIGGER runbell_capture_update ON runs")
    await connection.execute("ALTER TABLE runs DISABLE TRIGGER runbell_capture_insert")
    faults = await attaching.find_faults(connection, "dagster")
    assert [fault.split(":")[0] for fault in faults] == [
        "trigger runbell_capture_insert on public.runs is disabled",
        "trigger runbell_capture_update on public.runs is missing",
    ]
    await attaching.attach(connection, DAGSTER)
    assert await attaching.find_faults(connection, "dagster") == []
    assert await catalog_of_public(database_url) == attached


async def test_a_source_changes_between_with_and_without_a_trigger(dagster, connection, database_url):
    attached = await catalog_of_public(database_url)
    await attaching.attach(connection, Attachment(**{**_fields(DAGSTER), "trigger": "none"}))
    assert [line for line in await catalog_of_public(database_url) if "runbell_capture" in line] == []
    await attaching.attach(connection, DAGSTER)

    assert await catalog_of_public(database_url) == attached


async def test_what_happened_while_it_was_detached_is_history(dagster, captured, connection):
    run_id = await dagster.add_run("QUEUED")
    await attaching.detach(connection, "dagster")
    await dagster.change(run_id, "STARTED", "SUCCESS")

    await attaching.attach(connection, DAGSTER)

    assert await captured.close_gaps() == 0
    await dagster.change(run_id, "FAILURE")
    assert await captured.statuses(run_id) == ["QUEUED", "FAILURE"]


async def test_i8_attaching_waits_for_a_long_transaction_without_making_others_wait(
    tables, connection, other, database_url
):
    run_id = await tables.add_run("STARTED")
    slowest = 0.0
    done = anyio.Event()

    async def attach():
        await attaching.attach(connection, DAGSTER)
        done.set()

    async with anyio.create_task_group() as tasks:
        holder = await asyncpg.connect(database_url)
        await holder.execute("BEGIN")
        await holder.execute("UPDATE runs SET partition = 'held' WHERE false")
        tasks.start_soon(attach)
        for _ in range(20):
            began = time.monotonic()
            await other.execute("UPDATE runs SET partition = 'x' WHERE run_id = $1", run_id)
            slowest = max(slowest, time.monotonic() - began)
            await anyio.sleep(0.02)
        assert not done.is_set()
        await holder.close()

    print(f"slowest update while attaching waited: {slowest * 1000:.0f} ms")
    assert done.is_set()
    assert slowest < 0.6


async def test_a_table_that_stays_held_is_named_and_nothing_stays_attached(tables, connection, other, monkeypatch):
    monkeypatch.setattr(attaching, "TRIES", 2)
    async with other.transaction():
        await other.execute("UPDATE runs SET partition = 'held' WHERE false")
        with pytest.raises(SettingsError, match=r"somebody holds public\.runs in a long transaction: end it"):
            await attaching.attach(connection, DAGSTER)

    assert await read_attached(connection) == []


async def test_a_role_without_the_right_is_told_which_and_nothing_stays_attached(tables, connection, database_url):
    await connection.execute("DO $$ BEGIN CREATE ROLE plain_operator LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    await connection.execute("GRANT USAGE ON SCHEMA runbell TO plain_operator")
    await connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA runbell TO plain_operator")
    await connection.execute("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA runbell TO plain_operator")
    await connection.execute("GRANT SELECT ON runs, event_logs TO plain_operator")
    operator = await asyncpg.connect(database_url, user="plain_operator")

    with pytest.raises(SettingsError, match=r"no trigger on public\.runs: .*permission denied.*--no-trigger"):
        await attaching.attach(operator, DAGSTER)
    assert await read_attached(connection) == []

    await connection.execute("GRANT TRIGGER ON runs TO plain_operator")
    await attaching.attach(operator, DAGSTER)
    assert await attaching.find_faults(operator, "dagster") == []
    await operator.close()


async def test_tables_that_runbells_own_role_may_not_read_are_named_with_the_grant(tables, connection):
    await connection.execute("DO $$ BEGIN CREATE ROLE plain_owner; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    await connection.execute("ALTER FUNCTION runbell.find_source_faults(text, jsonb) OWNER TO plain_owner")

    with pytest.raises(SettingsError, match=r"role plain_owner, .* GRANT SELECT ON public\.runs TO plain_owner"):
        await attaching.attach(connection, DAGSTER)


async def test_the_same_runs_are_not_attached_twice(dagster, connection):
    with pytest.raises(SettingsError, match="already attached, as source dagster: detach that first"):
        await attaching.attach(connection, Attachment(source="again", kind="dagster", settings={"schema": "public"}))
    settings = {"schema": "public", "table": "runs", "id": "id", "status": "status", "job": "mode", "map": {}}
    with pytest.raises(SettingsError, match="source dagster is already attached, to another table"):
        await attaching.attach(connection, Attachment(source="dagster", kind="table", settings=settings))


async def test_two_dagsters_in_two_schemas_are_two_sources(dagster, captured, connection):
    await connection.execute('CREATE SCHEMA "Other One"')
    await connection.execute('SET search_path = "Other One"')
    await connection.execute(TABLES)
    await attaching.attach(connection, Attachment(source="two", kind="dagster", settings={"schema": "Other One"}))

    await dagster.change(await dagster.add_run(), "STARTED", "FAILURE")

    assert (await captured.last())["source"] == "two"
    assert await captured.count() == 3
    assert await captured.close_gaps() == 0


async def test_the_commands_attach_check_and_detach(tables, captured, connection, database_url):
    where = {"RUNBELL_DATABASE_URL": database_url}
    attached = runbell("attach", "dagster", **where)
    assert (attached.code, attached.stdout) == (0, "dagster attached: public.runs is watched by a row trigger\n")
    again = runbell("attach", "dagster", **where)
    assert (again.code, again.stdout.split(":")[0]) == (0, "dagster attached before")
    assert runbell("attach", "dagster", "--check", **where).code == 0

    await connection.execute("DROP TRIGGER runbell_capture_update ON runs")
    checked = runbell("attach", "dagster", "--check", **where)
    assert (checked.code, checked.stdout) == (2, "")
    assert "trigger runbell_capture_update on public.runs is missing: attach again" in checked.stderr

    assert runbell("detach", "dagster", **where).code == 0
    gone = runbell("detach", "dagster", **where)
    assert (gone.code, gone.stderr) == (2, "runbell: source dagster is not attached\n")


async def test_the_command_for_tables_takes_columns_and_a_map(connection, captured, database_url):
    await connection.execute('CREATE SCHEMA jobs CREATE TABLE "Runs" (id int PRIMARY KEY, state text, name text)')

    done = runbell(
        *("attach", "table", "--source", "mine", "--table", 'jobs."Runs"', "--id", "id", "--status", "state"),
        *("--job", "name", "--map", "ok=SUCCESS", "--map", "a=b=FAILURE", "--statement"),
        RUNBELL_DATABASE_URL=database_url,
    )
    assert (done.code, done.stdout) == (0, "mine attached: jobs.Runs is watched by a statement trigger\n")
    await connection.execute("""INSERT INTO jobs."Runs" VALUES (1, 'ok', 'n'), (2, 'a=b', 'n')""")

    assert await captured.statuses("1") + await captured.statuses("2") == ["SUCCESS", "FAILURE"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dagster", "--schema", "nowhere"], "there is no table nowhere.runs: name the database and the schema"),
        (["table", "--table", "t", "--id", "x", "--status", "s", "--job", "j"], "table public.t has no column x: name"),
        (
            ["table", "--table", "a.b.c", "--id", "x", "--status", "s", "--job", "j"],
            "--table is 'a.b.c', but it must be",
        ),
        (
            ["table", "--table", "t", "--id", "i", "--status", "s", "--job", "j", "--map", "x"],
            "--map is 'x', but it must be OLD=NEW, such as --map done=SUCCESS",
        ),
    ],
)
async def test_what_cannot_be_attached_is_named_in_one_sentence(connection, database_url, arguments, said):
    await connection.execute("CREATE TABLE t (i int PRIMARY KEY, s text, j text)")

    refused = runbell("attach", *arguments, RUNBELL_DATABASE_URL=database_url)

    assert (refused.code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert refused.stderr.startswith(f"runbell: {said}")


async def test_a_database_that_is_not_migrated_is_exit_code_3(empty_database_url):
    refused = runbell("attach", "dagster", RUNBELL_DATABASE_URL=empty_database_url)

    assert (refused.code, refused.stderr) == (3, "runbell: the database is not migrated: run `runbell migrate`\n")


def _fields(attachment):
    return {name: getattr(attachment, name) for name in ("source", "kind", "settings")}
