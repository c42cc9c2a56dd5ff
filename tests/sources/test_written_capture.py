"""The row trigger of `table` sources is written for what is attached, and reads what it was not written for as well."""

import anyio
import asyncpg
import pytest

from runbell.ops import schema
from runbell.sources import attaching
from support.roles import fresh_role, quoted
from support.upgrades import script_up_to

WRITTEN = "SELECT prosrc FROM pg_proc WHERE oid = 'runbell.capture_table_row()'::regprocedure"


def attachment(name, **columns):
    settings = {"schema": "public", "table": name, "id": "id", "job": "job", "status": "state", "map": {}, **columns}
    return attaching.Attachment(source=name, kind="table", settings=settings)


@pytest.fixture
async def jobs(connection):
    """A table of runs, attached."""
    await connection.execute("CREATE TABLE jobs (id int PRIMARY KEY, job text, state text, other_job int DEFAULT 7)")
    await attaching.attach(connection, attachment("jobs"))


@pytest.fixture
async def warnings(connection):
    """What the server says beside the answers."""
    said = []

    def listen(_, message):
        said.append(message.message)

    connection.add_log_listener(listen)
    yield said
    connection.remove_log_listener(listen)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER COLUMN id TYPE bigint",
        "ALTER COLUMN job TYPE int USING 5",
        "ADD COLUMN first int",
        "DROP COLUMN other_job",
    ],
)
async def test_i1_a_session_that_has_planned_captures_at_once_after_the_table_has_changed(
    jobs, connection, other, captured, warnings, change
):
    for number in range(8):
        await connection.execute(f"INSERT INTO jobs VALUES ({number}, '5', 'started')")
    await other.execute(f"ALTER TABLE jobs {change}")

    await connection.execute("UPDATE jobs SET state = 'success' WHERE id = 1")
    await connection.execute("INSERT INTO jobs (id, job, state) VALUES (9, '5', 'started')")

    assert await captured.statuses("1") == ["STARTED", "SUCCESS"]
    assert await captured.statuses("9") == ["STARTED"]
    assert (await captured.last())["job_name"] == "5"
    assert warnings == []
    assert await captured.close_gaps() == 0


async def test_a_source_attached_again_with_other_columns_is_read_by_those(jobs, connection, captured):
    await connection.execute("INSERT INTO jobs VALUES (1, 'a', 'started')")
    await attaching.detach(connection, "jobs")
    await attaching.attach(connection, attachment("jobs", job="other_job"))

    await connection.execute("UPDATE jobs SET state = 'success'")

    assert (await captured.last())["job_name"] == "7"
    assert (await connection.fetchval(WRITTEN)).count("new.job") == 0


async def test_sources_that_are_attached_at_once_are_all_written_for(connection, database_url, captured):
    names = [f"jobs {number}" for number in range(6)]
    for name in names:
        await connection.execute(f"CREATE TABLE {quoted(name)} (id int PRIMARY KEY, job text, state text)")

    async def attach(name):
        session = await asyncpg.connect(database_url)
        await attaching.attach(session, attachment(name))
        await session.close()

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(attach, name)

    written = await connection.fetchval(WRITTEN)
    for name in names:
        await connection.execute(f"INSERT INTO {quoted(name)} VALUES (1, $1, 'started')", name)
        assert f"TG_ARGV[0] = '{name}'" in written
        assert (await captured.last())["source"] == name


async def test_one_that_was_never_written_for_is_captured_too(jobs, connection, captured):
    await connection.execute(
        "CREATE TABLE others (id int, job text, state text);"
        " CREATE TRIGGER t AFTER INSERT ON others FOR EACH ROW EXECUTE FUNCTION runbell.capture_table_row("
        """'by hand', '{"id": "id", "job": "job", "status": "state"}');"""
        " INSERT INTO others VALUES (3, 'a', 'failure')"
    )

    event = await captured.last()
    assert (event["source"], event["run_id"], event["status"]) == ("by hand", "3", "FAILURE")


@pytest.mark.parametrize("nasty", ["$body$; DROP TABLE runbell.runs; $body$", "$write$", "$$", "\n--\n", "\\' OR ''"])
@pytest.mark.parametrize("strings", ["on", "off"])
async def test_names_and_values_stay_names_and_values_in_what_is_written(connection, captured, nasty, strings):
    await connection.execute(f"SET standard_conforming_strings = {strings}")
    await connection.execute(f"CREATE TABLE jobs ({quoted(nasty)} int PRIMARY KEY, job text, state text)")
    settings = {**attachment("jobs").settings, "id": nasty, "map": {nasty: "SUCCESS"}}
    await attaching.attach(connection, attaching.Attachment(source=nasty, kind="table", settings=settings))

    await connection.execute("INSERT INTO jobs VALUES (1, 'a', $1)", nasty)

    event = await captured.last()
    assert (event["source"], event["run_id"], event["status"]) == (nasty, "1", "SUCCESS")


async def test_whoever_attaches_it_still_belongs_to_the_same_role_and_is_for_nobody(connection, database_url):
    query = "SELECT pg_get_userbyid(proowner), proacl::text, prosecdef, proconfig FROM pg_proc WHERE oid = $1::regproc"
    async with fresh_role(database_url) as role:
        await connection.execute(f"GRANT CREATE, USAGE ON SCHEMA runbell TO {role}")
        await connection.execute(f"ALTER FUNCTION runbell.capture_table_row OWNER TO {role}")
        before = await connection.fetchrow(query, "runbell.capture_table_row")
        await connection.execute("CREATE TABLE jobs (id int PRIMARY KEY, job text, state text)")
        await attaching.attach(connection, attachment("jobs"))
        after = await connection.fetchrow(query, "runbell.capture_table_row")
        await attaching.detach(connection, "jobs")
        await connection.execute("ALTER FUNCTION runbell.capture_table_row OWNER TO CURRENT_USER")
        await connection.execute(f"REVOKE ALL ON SCHEMA runbell FROM {role}")

    assert before == after
    assert before[0] == role


async def test_what_was_attached_before_an_upgrade_is_written_for_by_it(empty_database_url):
    session = await asyncpg.connect(empty_database_url)
    await session.execute(script_up_to("0009"))
    await session.execute("CREATE TABLE jobs (id int PRIMARY KEY, job text, state text)")
    await attaching.attach(session, attachment("jobs"))
    await session.execute("INSERT INTO jobs VALUES (1, 'a', 'started')")

    await schema.migrate(empty_database_url)

    assert "TG_ARGV[0] = 'jobs'" in await session.fetchval(WRITTEN)
    await session.execute("UPDATE jobs SET state = 'success'")
    found = await session.fetch("SELECT run_id, job_name, status FROM runbell.run_events ORDER BY event_id")
    assert [tuple(row) for row in found] == [("1", "a", "STARTED"), ("1", "a", "SUCCESS")]
    assert await attaching.find_faults(session, "jobs") == []
    await session.close()
