"""Looking at the queue costs what is looked at, however many requests wait in it, and for however many targets."""

import json
from uuid import uuid4

import pytest

from runbell.store.inspection import page_run_requests
from runbell.store.launches import read_queue_age
from runbell.store.statements import statement

WAITING = 20_000
TARGETS = ("dagster", "airflow", "sql")
FILL = f"""
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, requested_at)
SELECT 's', n, 0, ($1::text[])[1 + n % 3], 'j', now() - interval '1 hour' + make_interval(secs => n / 100.0)
FROM generate_series(1, {WAITING}) AS n
"""
BEAT = (str(uuid4()), "{s}", "{0}", "{t}", "{1}", False)


@pytest.fixture(params=["force_custom_plan", "force_generic_plan"])
async def crowded(connection, request):
    await connection.execute(f"SET plan_cache_mode = {request.param}")
    await connection.execute(FILL.replace("$1::text[]", "ARRAY['" + "', '".join(TARGETS) + "']"))
    await connection.execute("ANALYZE runbell.run_requests")
    return connection


async def test_the_slow_timer_does_not_pass_those_that_wait_for_no_moment(crowded):
    # As the listening session has it: a small table may have been planned for.
    await crowded.execute("SET enable_seqscan = off")

    assert await looked_at(crowded, "beat", *BEAT) == 0

    await crowded.execute("UPDATE runbell.run_requests SET due_at = now() - interval '10 s' WHERE event_id = 7")
    assert await looked_at(crowded, "beat", *BEAT) == 1
    found = await crowded.fetch(statement("beat"), uuid4(), ["s"], [0], [True], [1], False)
    assert "rung" in [row["kind"] for row in found]


async def test_a_page_of_open_requests_is_all_that_is_read_for_it(crowded):
    newest = await page_run_requests(crowded, "open", None, None, 10)
    older = await page_run_requests(crowded, "open", None, newest[-1]["request_id"], 10)

    assert [row["event_id"] for row in newest + older] == list(range(WAITING, WAITING - 20, -1))
    assert {row["target"] for row in newest} == set(TARGETS)
    for before in (None, WAITING // 2):
        assert await looked_at(crowded, "page_run_requests", "open", None, before, 10, 100) < 50


async def test_only_open_ones_are_in_the_page(crowded):
    await crowded.execute("UPDATE runbell.run_requests SET state = 'launched' WHERE event_id % 2 = 0")
    await crowded.execute("UPDATE runbell.run_requests SET state = 'claimed' WHERE event_id % 4 = 1")

    found = await page_run_requests(crowded, "open", None, None, 5)

    assert [(row["event_id"], row["state"]) for row in found] == [
        (WAITING - n, "claimed" if (WAITING - n) % 4 == 1 else "pending") for n in range(1, 10, 2)
    ]


async def test_the_age_of_the_queue_is_told_from_its_first_ones_whatever_target_they_have(crowded):
    assert 3590 < await read_queue_age(crowded) < 3700
    assert await looked_at(crowded, "read_queue_age", 100) < 350

    await crowded.execute(
        "UPDATE runbell.run_requests SET state = 'launched' WHERE target <> 'sql' OR event_id < 10000"
    )
    assert 3490 < await read_queue_age(crowded) < 3510
    assert await looked_at(crowded, "read_queue_age", 100) < 350


async def test_what_has_been_launched_is_not_passed_to_find_what_has_not(crowded):
    await crowded.execute("UPDATE runbell.run_requests SET state = 'launched' WHERE event_id > 30")
    await crowded.execute("ANALYZE runbell.run_requests")

    for name, given in (("list_request_queues", ()), ("list_targets", (100,)), ("read_queue_age", (100,))):
        # Those of all targets, and the first of each once more.
        assert await looked_at(crowded, name, *given) <= 30 + 2 * len(TARGETS), name


async def looked_at(session, name, *given):
    """So many rows of the queue were looked at."""
    values = ", ".join("NULL" if one is None else f"'{one}'" if isinstance(one, str) else str(one) for one in given)
    asking = f"asking({values})" if given else "asking"
    await session.execute(f"PREPARE asking AS {statement(name)}")
    plan = json.loads(await session.fetchval(f"EXPLAIN (FORMAT JSON, ANALYZE, TIMING OFF) EXECUTE {asking}"))
    await session.execute("DEALLOCATE asking")
    return sum(
        node["Actual Loops"] * (node["Actual Rows"] + node.get("Rows Removed by Filter", 0))
        for node in nodes(plan[0]["Plan"])
        if node.get("Relation Name") == "run_requests"
    )


def nodes(plan):
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)
