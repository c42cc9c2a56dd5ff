"""The second wall of a Dagster source: each change that capture missed is recorded once, and no other."""

import anyio
import asyncpg
import pytest

from runbell.core.errors import StatementRefusedError
from runbell.sources import attaching
from runbell.sources.details import read_step_failures
from support.daemons import until
from support.dagster_tables import DagsterTables, raised


async def drop_triggers(session):
    await session.execute("DROP TRIGGER runbell_capture_insert ON runs")
    await session.execute("DROP TRIGGER runbell_capture_update ON runs")


async def fill_up(captured):
    """Rounds enough for the watermark to move."""
    for _ in range(4):
        assert await captured.close_gaps() == 0


async def test_i1_a_dropped_trigger_loses_nothing(dagster, captured, connection):
    before = await dagster.add_run()
    await dagster.change(before, "QUEUED", "STARTING")
    await drop_triggers(connection)

    await dagster.change(before, "STARTED", "FAILURE")
    new = await dagster.add_run()
    direct = await dagster.add_run("MANAGED")
    await dagster.change(new, "QUEUED", "STARTING", "STARTED", "SUCCESS")

    assert await captured.close_gaps() == 2 + 4 + 1
    assert await captured.statuses(before) == ["NOT_STARTED", "QUEUED", "STARTING", "STARTED", "FAILURE"]
    # Dagster keeps no event for NOT_STARTED, and the row shows it no longer.
    assert await captured.statuses(new) == ["QUEUED", "STARTING", "STARTED", "SUCCESS"]
    assert await captured.statuses(direct) == ["MANAGED"]
    await fill_up(captured)


async def test_i1_a_failing_guard_loses_nothing(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")
    await connection.execute("ALTER TABLE runbell.run_events RENAME COLUMN message TO message_gone")
    await dagster.log(run_id, "FAILURE", message="what was said", error=raised("no"))
    await dagster.set_status(run_id, "FAILURE")
    await connection.execute("ALTER TABLE runbell.run_events RENAME COLUMN message_gone TO message")
    assert await captured.statuses(run_id) == ["STARTED"]

    assert await captured.close_gaps() == 1

    event = await captured.last()
    assert (event["status"], event["message"]) == ("FAILURE", "what was said")
    assert '"no"' in event["error"]
    assert await captured.close_gaps() == 0


async def test_what_is_found_is_an_event_like_any_other(dagster, captured, connection, other):
    await drop_triggers(connection)
    run_id = await dagster.add_run("STARTED", job="nightly", tags={"dagster/code_location": "prod"}, partition="p")
    rung = []
    await other.add_listener("runbell_events", lambda *_: rung.append(1))
    async with other.transaction():
        await other.execute("LOCK TABLE runbell.bell IN SHARE MODE")
        await captured.close_gaps()
    await other.execute("SELECT 1")

    event = await captured.last()
    assert (event["run_id"], event["job_name"], event["code_location"]) == (run_id, "nightly", "prod")
    assert (event["partition_key"], event["native_status"]) == ("p", "STARTED")
    assert rung == [1]


async def test_i1_changes_without_an_event_are_found_too(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")
    await drop_triggers(connection)

    for status in ("CANCELED", "STARTED", "CANCELED"):
        await dagster.set_status(run_id, status)
        assert await captured.close_gaps() == 1

    assert await captured.statuses(run_id) == ["STARTED", "CANCELED", "STARTED", "CANCELED"]


async def test_an_event_whose_row_has_not_followed_yet_is_left_to_the_trigger(dagster, captured):
    run_id = await dagster.add_run("STARTED")
    await dagster.log(run_id, "SUCCESS")
    assert await captured.close_gaps() == 0
    await dagster.set_status(run_id, "SUCCESS")

    assert await captured.statuses(run_id) == ["STARTED", "SUCCESS"]
    await fill_up(captured)


async def test_an_event_whose_row_never_follows_is_recorded_after_a_minute_and_not_again(dagster, captured):
    run_id = await dagster.add_run("STARTED")
    await dagster.log(run_id, "FAILURE", age=61, message="crashed")

    assert await captured.close_gaps() == 1
    await fill_up(captured)
    assert (await captured.last())["message"] == "crashed"
    await dagster.set_status(run_id, "FAILURE")

    await fill_up(captured)
    assert await captured.statuses(run_id) == ["STARTED", "FAILURE"]


async def test_a_row_that_follows_late_while_there_is_no_trigger_is_not_doubled(dagster, captured, connection):
    run_id = await dagster.add_run("STARTED")
    await drop_triggers(connection)
    await dagster.log(run_id, "FAILURE", age=61)
    assert await captured.close_gaps() == 1
    await dagster.set_status(run_id, "FAILURE")

    await fill_up(captured)
    assert await captured.statuses(run_id) == ["STARTED", "FAILURE"]
    assert await connection.fetchval("SELECT status FROM runbell.runs") == "FAILURE"


async def test_a_status_that_two_writers_bring_in_another_order_is_not_doubled(dagster, captured):
    run_id = await dagster.add_run("QUEUED")
    # Whoever launches writes STARTING late, when the run itself has already begun.
    await dagster.log(run_id, "STARTING")
    await dagster.change(run_id, "STARTED")
    assert await captured.close_gaps() == 1
    await dagster.set_status(run_id, "STARTING")
    await dagster.set_status(run_id, "STARTED")

    await fill_up(captured)
    assert sorted(await captured.statuses(run_id)) == ["QUEUED", "STARTED", "STARTED", "STARTING"]


async def test_history_before_attaching_is_not_replayed_but_what_happens_after_is(tables, captured, connection):
    ended, open_run, late = [await tables.add_run() for _ in range(3)]
    await tables.change(ended, "STARTED", "SUCCESS")
    await tables.change(open_run, "STARTED")
    await tables.change(late, "STARTED")
    await tables.log(late, "SUCCESS")
    dagster = attaching.Attachment(source="dagster", kind="dagster", settings={"schema": "public"}, trigger="none")
    await attaching.attach(connection, dagster)
    await fill_up(captured)

    await tables.change(open_run, "CANCELING", "CANCELED")
    await tables.set_status(late, "SUCCESS")
    await tables.set_status(ended, "FAILURE")

    assert await captured.close_gaps() == 4
    assert await captured.statuses(open_run) == ["CANCELING", "CANCELED"]
    assert await captured.statuses(late) == ["SUCCESS"]
    assert await captured.statuses(ended) == ["FAILURE"]
    await fill_up(captured)


async def test_without_a_trigger_the_reconciler_alone_captures_everything(tables, captured, connection):
    dagster = attaching.Attachment(source="dagster", kind="dagster", settings={"schema": "public"}, trigger="none")
    await attaching.attach(connection, dagster)
    run_id = await tables.add_run()
    assert await captured.close_gaps() == 1
    for status in ("QUEUED", "STARTING", "STARTED"):
        await tables.log(run_id, status)
        assert await captured.close_gaps() == 0
        await tables.set_status(run_id, status)
        assert await captured.close_gaps() == 1
    await tables.change(run_id, "CANCELING", "CANCELED")

    assert await captured.close_gaps() == 2
    assert await captured.statuses(run_id) == ["NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING", "CANCELED"]
    await fill_up(captured)


async def test_i1_ids_that_commit_late_are_not_passed_over(tables, captured, connection, other):
    """The watermark waits for transactions that drew an id and have not committed."""
    dagster = attaching.Attachment(source="dagster", kind="dagster", settings={"schema": "public"}, trigger="none")
    await attaching.attach(connection, dagster)
    slow = await tables.add_run("STARTED")
    await captured.close_gaps()
    async with other.transaction():
        await DagsterTables(other).log(slow, "CANCELING")
        quick = await tables.add_run("STARTED")
        await tables.change(quick, "SUCCESS")
        assert await captured.close_gaps() == 1
        await fill_up(captured)
    await tables.change(slow, "CANCELED")

    assert await captured.close_gaps() == 2
    assert await captured.statuses(slow) == ["STARTED", "CANCELING", "CANCELED"]


async def test_the_watermark_moves_up_and_never_past_what_is_still_to_be_recorded(dagster, captured, connection):
    async def watermark():
        await captured.close_gaps()
        return await connection.fetchval("SELECT (watermark ->> 'event')::bigint FROM runbell.sources")

    # It moves once every transaction of the whole server that was open has ended: other tests have theirs.
    runs = [await dagster.add_run("STARTED") for _ in range(3)]
    await dagster.change(runs[0], "SUCCESS")
    await dagster.log(runs[1], "SUCCESS")
    await dagster.change(runs[2], "SUCCESS")
    await until(watermark, (1).__eq__)
    for _ in range(5):
        assert await watermark() == 1

    await dagster.set_status(runs[1], "SUCCESS")
    await until(watermark, (3).__eq__)

    await dagster.change(runs[0], "FAILURE")
    await until(watermark, (4).__eq__)


async def test_two_reconcilers_at_once_record_once(dagster, captured, connection, other):
    await drop_triggers(connection)
    runs = [await dagster.add_run() for _ in range(150)]
    for run_id in runs:
        await dagster.change(run_id, "STARTED", "SUCCESS")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(captured.close_gaps, connection)
        tasks.start_soon(captured.close_gaps, other)
    await captured.close_gaps()

    assert await captured.count() == 300
    assert set(map(tuple, [await captured.statuses(run_id) for run_id in runs])) == {("STARTED", "SUCCESS")}


async def test_a_change_captured_while_the_reconciler_works_is_not_recorded_again(dagster, captured, connection, other):
    """The reconciler takes a run only in the version that it compared."""
    run_id = await dagster.add_run("STARTED")
    await connection.execute("ALTER TABLE runs DISABLE TRIGGER USER")
    await dagster.change(run_id, "CANCELING")
    await connection.execute("ALTER TABLE runs ENABLE TRIGGER USER")
    gap = await other.fetchrow("SELECT g.* FROM runbell.sources AS s, runbell.find_dagster_gaps(s, 0, 10) AS g")
    await dagster.change(run_id, "CANCELED")

    recorded = await other.fetchval(
        "SELECT runbell.record_dagster_gap(s, $1, $2, $3) FROM runbell.sources AS s", *gap.values()
    )

    assert recorded == 0
    assert await captured.close_gaps() == 1
    assert await captured.statuses(run_id) == ["STARTED", "CANCELED", "CANCELING"]


async def test_i1_writers_while_triggers_come_and_go_and_reconcilers_run(dagster, captured, connection, database_url):
    """Everything at once: each change exactly once."""
    runs: list[str] = []
    done = anyio.Event()

    async def write():
        session = await asyncpg.connect(database_url)
        mine = DagsterTables(session)
        for _ in range(15):
            run_id = await mine.add_run("QUEUED")
            await mine.change(run_id, "STARTING", "STARTED", "SUCCESS")
            runs.append(run_id)
        await session.close()

    async def reconcile():
        session = await asyncpg.connect(database_url)
        while not done.is_set():
            await captured.close_gaps(session)
        await session.close()

    async def meddle():
        while not done.is_set():
            await connection.execute("ALTER TABLE runs DISABLE TRIGGER USER")
            await anyio.sleep(0.02)
            await connection.execute("ALTER TABLE runs ENABLE TRIGGER USER")
            await anyio.sleep(0.02)

    async with anyio.create_task_group() as tasks:
        for task in (reconcile, reconcile, meddle):
            tasks.start_soon(task)
        async with anyio.create_task_group() as writers:
            for _ in range(4):
                writers.start_soon(write)
        done.set()
    await captured.close_gaps()

    wrong = {}
    for run_id in runs:
        found = await captured.statuses(run_id)
        # QUEUED came without an event in the log: between two rounds it may be over before anybody could see it.
        if sorted({*found} - {"QUEUED"}) != ["STARTED", "STARTING", "SUCCESS"] or len(set(found)) != len(found):
            wrong[run_id] = found
    assert wrong == {}


async def test_tables_that_are_gone_are_named_and_nobody_is_told_to_migrate(dagster, captured, connection):
    await connection.execute("DROP TABLE event_logs")

    with pytest.raises(StatementRefusedError, match=r"source dagster cannot be read: .*event_logs"):
        await captured.close_gaps()


async def test_one_run_that_cannot_be_recorded_does_not_keep_the_others(dagster, captured, connection):
    await drop_triggers(connection)
    await connection.execute(
        "ALTER TABLE runbell.run_events ADD CONSTRAINT picky CHECK (job_name <> 'poison') NOT VALID"
    )
    await dagster.add_run("STARTED", job="poison")
    good = await dagster.add_run("STARTED")

    assert await captured.close_gaps() == 1
    assert await captured.statuses(good) == ["STARTED"]


async def test_the_daemons_role_needs_no_right_outside_the_schema(dagster, captured, connection, database_url):
    await drop_triggers(connection)
    run_id = await dagster.add_run("STARTED")
    await dagster.log_step_failure(run_id, "a", "no", None)
    await connection.execute("DO $$ BEGIN CREATE ROLE plain_daemon LOGIN; EXCEPTION WHEN OTHERS THEN NULL; END $$")
    await connection.execute("GRANT USAGE ON SCHEMA runbell TO plain_daemon")
    await connection.execute("GRANT SELECT ON runbell.sources TO plain_daemon")
    await connection.execute("GRANT EXECUTE ON FUNCTION runbell.close_gaps, runbell.read_step_failures TO plain_daemon")
    daemon = await asyncpg.connect(database_url, user="plain_daemon")

    assert await captured.close_gaps(daemon) == 1
    assert [failure.step_key for failure in await read_step_failures(daemon, "dagster", run_id)] == ["a"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await daemon.execute("SELECT FROM runs")
    await daemon.close()
