"""What a read of events costs depends on what it finds, not on how much has ever been recorded."""

import json

import pytest

from runbell.core.filters import Filter
from runbell.core.narrowing import Narrowing, TagPattern
from runbell.core.places import Place, Snapshot
from runbell.core.pushing import named, pushed
from runbell.store.events import read_events
from runbell.store.statements import statement

RECORDED = 20_000
# A descent in each of the two branches, and the snapshots' own.
FEW_PAGES = 20


@pytest.fixture
async def many_events(connection):
    """As a daemon finds them that is up to date, with the plan that it has after its first few reads."""
    await connection.execute(f"""
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
        SELECT 'sql', 'run-' || n, 'job', 'SUCCESS', 'SUCCESS' FROM generate_series(1, {RECORDED}) AS n
    """)
    await connection.execute("ANALYZE runbell.run_events")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    return connection


async def test_a_read_that_finds_nothing_touches_a_few_pages_however_many_events_there_are(many_events):
    now = await many_events.fetchval("SELECT pg_current_snapshot()::text")

    assert await pages_touched(many_events, now, None) < FEW_PAGES


async def test_a_page_of_a_backlog_does_not_walk_over_what_came_after_it(many_events):
    now = await many_events.fetchval("SELECT pg_current_snapshot()::text")
    await many_events.execute("""
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
        SELECT source, run_id, job_name, status, native_status FROM runbell.run_events
    """)

    assert await pages_touched(many_events, now, now) < FEW_PAGES


async def test_a_filter_on_tags_looks_at_no_more_than_the_page(many_events):
    wanted = Filter(frozenset({"SUCCESS"}), narrowing=Narrowing((TagPattern("team", ("data*",)),), ("2026-*",)))
    filters = pushed([wanted])
    now = await many_events.fetchval("SELECT pg_current_snapshot()::text")
    # The page alone costs as much: a thousand rows through the index, and each of their runs.
    page = await pages_touched(many_events, "1:1:", now, "NULL")

    assert filters is not None
    assert await pages_touched(many_events, now, None, f"'{filters}'") < FEW_PAGES
    assert await pages_touched(many_events, "1:1:", now, f"'{filters}'") <= page


async def test_names_of_jobs_are_looked_up_not_gone_through_for_each_row(many_events):
    """Of an array that a plan does not know each element is compared: 0.1 s a page with 10,000 sensors behind."""
    await many_events.execute(f"PREPARE reading AS {statement('read_events')}")
    plan = await many_events.fetchval("EXPLAIN (FORMAT JSON) EXECUTE reading('1:1:', NULL, 0, 0, NULL, NULL, 10, NULL)")

    assert "$6 ? job_name" in plan
    assert "ANY ($6" not in plan


async def test_only_events_of_the_jobs_that_are_named_are_sent(connection):
    names = ['with "quotes"', "back\\slash", "überall", "{}", "", "null"]
    await connection.executemany(
        "INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)"
        " VALUES ('sql', $1, $1, 'SUCCESS', 'SUCCESS')",
        [(name,) for name in [*names, "another"]],
    )

    async def found(*jobs):
        return [
            event.job_name for event in (await read_events(connection, Place(Snapshot(1, 1)), jobs=named(jobs))).events
        ]

    assert await found(*names, "nobody's") == names
    for name in names:
        assert await found(name) == [name]
    assert await found() == []


async def pages_touched(connection, position, upper, filters="NULL"):
    await connection.execute("DEALLOCATE ALL")
    await connection.execute(f"PREPARE reading AS {statement('read_events')}")
    bound = "NULL" if upper is None else f"'{upper}'"
    report = await connection.fetchval(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)"
        f" EXECUTE reading('{position}', {bound}, 0, 0, NULL, NULL, 1000, {filters})"
    )
    plan = json.loads(report)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
