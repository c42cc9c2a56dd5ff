"""What a read of events costs depends on what it finds, not on how much has ever been recorded."""

import json

import pytest

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


async def pages_touched(connection, position, upper):
    await connection.execute(f"PREPARE reading AS {statement('read_events')}")
    bound = "NULL" if upper is None else f"'{upper}'"
    report = await connection.fetchval(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE reading('{position}', {bound}, 0, 0, NULL, NULL, 1000)"
    )
    plan = json.loads(report)[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
