"""Statements that are sent all the time never read a large table from end to end, wherever a sensor stands."""

import re

import pytest

from runbell.store.connections import SCANS
from runbell.store.statements import statement
from support.plans import carry_out, explain, nodes, read_rows

ROWS = 20_000
NOBODY = "00000000-0000-0000-0000-000000000000"
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
SELECT CASE n % 50 WHEN 0 THEN 's' ELSE 's' || n % 50 END, n, CASE WHEN n % 70 = 0 THEN 'retry' ELSE 'dead' END, 10
FROM generate_series(1, {ROWS} / 4) AS n;
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
# The last as a daemon's sessions have it: before PostgreSQL 18 a sequential scan that nothing can replace costs so much
# there that other differences do not count.
PLANNED = [("force_custom_plan", "on"), ("force_generic_plan", "on"), ("force_generic_plan", SCANS)]
FILTERS = {
    "no filter": (None, None),
    "a status": ("{FAILURE}", None),
    "jobs": ("{SUCCESS}", '{"job-1": null, "job-2": null}'),
    "a job that there is not": ("{SUCCESS}", '{"nobody": null}'),
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
    # By what events lie before it, not by the distance of ids: tests beside this one draw from the same ids.
    xid = await session.fetchval(
        "SELECT percentile_disc($1) WITHIN GROUP (ORDER BY xid::text::bigint) FROM runbell.run_events", part
    )
    # One transaction was still open: the other branch of the read has to find it, too.
    return f"{xid}:{xid + 2}:{xid}"


@pytest.mark.parametrize(("plan", "scanning"), PLANNED)
async def test_reading_events_is_never_sequential(filled, plan, scanning):
    await filled.execute(f"SET plan_cache_mode = {plan}; SET enable_seqscan = {scanning}")
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


# The arguments of each, in the order of the statement's own list. "s" has rows in each table that has its name.
OTHERS = {
    "read_events_by_id": ["{1,2,3}"],
    "find_due_evaluations": ["{s,other}", False, 100],
    "find_due_evaluations, left running": ["{s,other}", True, 100],
    "read_run": ["run-1", "sql"],
    "read_runs": ["sql", "{run-1,run-2}", None, None, "{}", None, None, None, None, None, "", False, 10],
    "read_status_changes": ["sql", "run-1"],
    "read_retry_tag": ["sql", "run-1", 1],
    "read_recent_ticks": ["{s1}", "{10}", 60.0],
    "beat": [NOBODY, "{s}", "{0}", "{t}", "{1}", False],
    "claim_troubles": [NOBODY, "{n}", "{s}", "{failing}", 1.0, 1.0, 1.0],
    "expire_events": [0, 0, 60.0, 60.0, 1000],
    "expire_requests": [0, 60.0, 1000],
    "expire_ticks": [0, 60.0, 1000],
    "expire_runs": ["", "", 60.0, 1000],
    "find_holding_sensors": [60.0, 100],
    "read_recent_events": ["{SUCCESS}", 10_000, False],
    "read_first_events": ["{1:1:}", "{0}", "{0}", "{SUCCESS}", 20, False],
}
# What the statement must find its rows by.
FOUND_BY = {
    "find_due_evaluations": {"evaluations_due"},
    "read_runs": {"runs_pkey"},
    "read_run": {"runs_pkey"},
}


@pytest.mark.parametrize(("plan", "scanning"), PLANNED)
@pytest.mark.parametrize("asked", OTHERS)
async def test_other_statements_that_come_again_and_again_are_not_either(filled, asked, plan, scanning):
    name = asked.partition(",")[0]
    await filled.execute(f"SET plan_cache_mode = {plan}; SET enable_seqscan = {scanning}")
    await filled.execute(f"PREPARE asking AS {statement(name)}")

    explained = await carry_out(filled, "asking", OTHERS[asked])

    assert sequential(explained) == set()
    assert await walked(filled, explained) == set()
    assert FOUND_BY.get(asked, set()) <= {node["Index Name"] for node in nodes(explained) if "Index Name" in node}


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_what_lies_between_two_places_is_all_that_is_read_to_count_it(filled, plan):
    await filled.execute(f"SET plan_cache_mode = {plan}")
    await filled.execute(f"PREPARE asking AS {statement('count_between_places')}")
    one, other = [await position_at(filled, part) for part in (0.4, 0.5)]
    for asked in ([one, None, None, None, other], [other, None, None, None, one], [one, other, 1, 1, one]):
        explained = await carry_out(filled, "asking", [*asked, False])

        assert "run_events" not in sequential(explained)
        assert read_rows(explained, "run_events") < ROWS / 5

    never_started = await carry_out(filled, "asking", [None, None, None, None, await position_at(filled, 0.9), False])
    assert read_rows(never_started, "run_events") < ROWS / 5


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
async def test_the_furthest_of_many_ticks_is_looked_for_once_a_page(connection, plan):
    await connection.execute(
        "INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, "
        f"settled_at) SELECT 's', {ROWS} - n, {ROWS} - n, 0, 1, 0, 0, clock_timestamp() - interval '1 hour' "
        f"FROM generate_series(1, {ROWS}) AS n"
    )
    await connection.execute(f"ANALYZE; SET plan_cache_mode = {plan}")
    await connection.execute(f"PREPARE asking AS {statement('expire_ticks')}")

    explained = await carry_out(connection, "asking", OTHERS["expire_ticks"])

    # Most of it is the look for one that got further than the first, which there is not.
    assert read_rows(explained, "ticks") < 2 * ROWS


@pytest.mark.parametrize("plan", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("targets", [None, ["mine", "paused"], ["mine"], ["paused"], ["nobody's"]])
async def test_a_claim_does_not_walk_over_what_waits_for_others(connection, plan, targets):
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) "
        f"SELECT 's', n, 0, CASE WHEN n > {ROWS} - 50 THEN 'mine' ELSE 'paused' END, 'j' "
        f"FROM generate_series(1, {ROWS}) AS n; "
        "INSERT INTO runbell.paused_targets (target) VALUES ('paused')"
    )
    await connection.execute(f"ANALYZE; SET plan_cache_mode = {plan}")
    async with connection.transaction():
        taken = await connection.fetch("SELECT * FROM runbell.claim_run_requests('me', 5, '1 minute', $1)", targets)
        looked_at = await connection.fetchval(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables "
            "WHERE relid = 'runbell.run_requests'::regclass"
        )

    expected = [] if targets in (["paused"], ["nobody's"]) else list(range(ROWS - 49, ROWS - 44))
    assert [row["event_id"] for row in taken] == expected
    assert looked_at < 100


# Another request of the sensor "s"; null is what it leaves out.
THREE_NULLS, NEW_EVENT, NO_JSON = [None] * 3, f"{{{ROWS + 1}}}", '{"{}"}'
MOVED = ["{s}", "{0}", "{1:1:}", *THREE_NULLS, "{2:2:}", *THREE_NULLS]
TICK = ["{1}", "{1}", "{1}", "{0}", "{0}", "{0}", "{[]}", "{requested}"]
ASKED = ["{sql}", "{j}", None, *THREE_NULLS, NO_JSON, NO_JSON, None, None]
SETTLED = {
    "settle": [*MOVED, *TICK, *[None] * 13, "{s}", NEW_EVENT, *THREE_NULLS, *ASKED],
    "settle_one": [*(one and one.strip("{}") for one in (*MOVED, *TICK)), NEW_EVENT, None, *ASKED],
}


@pytest.mark.parametrize("name", SETTLED)
async def test_what_was_planned_while_the_tables_were_small_does_not_read_them_all_when_they_have_grown(
    connection, name
):
    """They are analyzed a minute after their first rows, and then not before there are many more."""
    await connection.execute(
        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position) "
        "VALUES ('s', 'm', true, '{}', 1, '1:1:')"
    )
    await ask(connection, 1, 300)
    await connection.execute("ANALYZE runbell.run_requests, runbell.ticks, runbell.run_keys")
    await connection.execute(f"PREPARE settling AS {statement(name)}")
    given = SETTLED[name]
    await explain(connection, "settling", given)
    await ask(connection, 301, ROWS)

    done = await carry_out(connection, "settling", given)

    assert {node["Relation Name"] for node in nodes(done) if node["Node Type"] == "ModifyTable"} >= {"run_requests"}
    assert read_rows(done, "run_requests") < 10


async def ask(session, first, last):
    """A request of the sensor for each of these events."""
    await session.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) "
        f"SELECT 's', n, 0, 'sql', 'j' FROM generate_series({first}, {last}) AS n"
    )


async def walked(session, plan):
    """The indexes over all rows of large tables that a plan reads without a bound on their first column.

    The first entry of an index, whatever it is, is no walk.
    """
    first = dict(
        await session.fetch(
            """
            SELECT i.indexrelid::regclass::text, a.attname::text
            FROM pg_index AS i
            JOIN pg_attribute AS a ON a.attrelid = i.indexrelid AND a.attnum = 1
            WHERE i.indpred IS NULL AND i.indrelid::regclass::text = ANY ($1::text[])
            """,
            [f"runbell.{table}" for table in LARGE],
        )
    )
    return {
        node["Index Name"]
        for node in nodes(plan, first_alone=False)
        if (column := first.get(f"runbell.{node.get('Index Name')}"))
        and not re.search(rf"\b{column}\b", node.get("Index Cond", ""))
    }


def sequential(plan):
    """The large tables that it reads from end to end."""
    return {node["Relation Name"] for node in nodes(plan) if node["Node Type"] == "Seq Scan"} & LARGE


async def scans(session, prepared, given):
    return sequential(await explain(session, prepared, given))
