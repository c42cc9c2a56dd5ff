"""Statements that are sent all the time never read a large table from end to end, wherever a sensor stands."""

import json

import pytest

from runbell.store.statements import statement

ROWS = 20_000
LARGE = {"step_failures", "run_events", "runs", "run_requests", "ticks", "evaluations"}
FILL = f"""
INSERT INTO runbell.runs (source, run_id, job_name, status)
SELECT 'sql', 'run-' || n, 'job-' || n % 50, 'SUCCESS' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_id, state)
SELECT 's', n, 0, 'sql', 'j', 'run-' || n, 'launched' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO runbell.step_failures (source, run_id, step_key)
SELECT 'sql', 'run-' || n, 'step' FROM generate_series(1, {ROWS}) AS n;
INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed)
SELECT 's' || n % 10, n, n, 0, 1, 0, 0 FROM generate_series(1, {ROWS}) AS n;
INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts)
SELECT 's', n, 'dead', 10 FROM generate_series(1, {ROWS} / 4) AS n;
INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position)
VALUES ('s', 'm', true, '{{"statuses": ["SUCCESS"]}}', 1, pg_current_snapshot());
"""
# Many transactions, as in life: the planner knows how few events one has.
FILL_EVENTS = """
DO $$
BEGIN
    FOR turn IN 1..100 LOOP
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
        SELECT 'sql', 'run-' || turn * 200 + n, 'job-' || n % 50, 'SUCCESS', 'SUCCESS'
        FROM generate_series(1, 200) AS n;
        COMMIT;
    END LOOP;
END
$$
"""
PLACES = {"the beginning": 0.0, "the middle": 0.5, "the end": 1.0}
FILTERS = {
    "no filter": (None, None),
    "a status": ("{FAILURE}", None),
    "jobs": ("{SUCCESS}", "{job-1,job-2}"),
    "a job that there is not": ("{SUCCESS}", "{nobody}"),
}


@pytest.fixture
async def filled(connection):
    await connection.execute(FILL)
    await connection.execute(FILL_EVENTS)
    await connection.execute("ANALYZE")
    return connection


async def position_at(session, part):
    """The position of a sensor that has passed this part of the events."""
    if part == 1.0:
        return await session.fetchval("SELECT pg_current_snapshot()::text")
    xids = await session.fetchrow(
        "SELECT min(xid::text::bigint) AS first, max(xid::text::bigint) AS last FROM runbell.run_events"
    )
    xid = xids["first"] + int((xids["last"] - xids["first"]) * part)
    # One transaction was still open: the other branch of the read has to find it, too.
    return f"{xid}:{xid + 2}:{xid}"


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_reading_events_is_never_sequential(filled, plan):
    await filled.execute(f"SET plan_cache_mode = {plan}")
    reading = "PREPARE reading AS " + statement("read_events")
    await filled.execute(reading)
    now = await position_at(filled, 1.0)
    for at, part in PLACES.items():
        position = await position_at(filled, part)
        for upper, key in ((None, (0, 0)), (now, (int(position.split(":")[0]), ROWS // 2))):
            for name, (statuses, jobs) in FILTERS.items():
                given = [position, upper, *key, statuses, jobs, 1000, None]
                found = await scans(filled, "reading", given)
                # A page of runs may well be joined by reading them all while there are few.
                assert found <= {"runs"}, f"{at}, {name}, within a page: {upper is not None}"


# The arguments of each, in the order of the statement's own list.
OTHERS = {
    "read_events_by_id": ["{1,2,3}"],
    "find_due_evaluations": ["{other}", False, 100],
    "read_run": ["sql", "run-1"],
    "expire_events": [0, 0, 60.0, 60.0, 1000],
    "expire_requests": [0, 60.0, 1000],
    "expire_ticks": [0, 60.0, 1000],
    "expire_runs": ["", "", 60.0, 1000],
    "find_holding_sensors": [60.0, 100],
    "read_recent_events": ["{SUCCESS}", 10_000, False],
    "read_first_events": ["{1:1:}", "{0}", "{0}", "{SUCCESS}", 20, False],
}


@pytest.mark.parametrize("name", OTHERS)
async def test_other_statements_that_come_again_and_again_are_not_either(filled, name):
    await filled.execute(f"PREPARE asking AS {statement(name)}")

    assert await scans(filled, "asking", OTHERS[name]) == set()


async def scans(session, prepared, given):
    """The large tables that a plan reads from end to end."""
    values = ", ".join("NULL" if one is None else f"'{one}'" if isinstance(one, str) else str(one) for one in given)
    plan = json.loads(await session.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE {prepared}({values})"))[0]["Plan"]
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"} & LARGE


def nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)
