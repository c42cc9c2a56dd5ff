"""claim, renew, complete and fail: a request is held by one consumer at a time, and only the current claim counts."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def other(database_url):
    session = await asyncpg.connect(database_url)
    yield session
    await session.close()


async def test_requests_are_taken_oldest_first_and_held(connection):
    ids = [await add(connection, ordinal=ordinal) for ordinal in range(3)]

    rows = await claim(connection, max_requests=2)

    assert [row["request_id"] for row in rows] == ids[:2]
    assert {(row["state"], row["claimed_by"], row["attempts"]) for row in rows} == {("claimed", "a", 1)}
    now = await connection.fetchval("SELECT clock_timestamp()")
    assert all(timedelta(seconds=50) < row["claimed_until"] - now <= MINUTE for row in rows)
    assert [row["request_id"] for row in await claim(connection, max_requests=9)] == ids[2:]
    assert await claim(connection) == []


async def test_one_request_is_taken_unless_told_otherwise(connection):
    for ordinal in range(2):
        await add(connection, ordinal=ordinal)

    assert len(await connection.fetch("SELECT * FROM runbell.claim_run_requests('a')")) == 1


@pytest.mark.parametrize("max_requests", [0, -1, None])
async def test_claiming_less_than_one_is_refused_by_name(connection, max_requests):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="max_requests must be at least 1"):
        await claim(connection, max_requests=max_requests)


@pytest.mark.parametrize("hold", [timedelta(0), timedelta(seconds=-1), None])
async def test_a_hold_of_nothing_is_refused_by_name(connection, hold):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="hold must be longer than zero"):
        await claim(connection, hold=hold)
    with pytest.raises(asyncpg.InvalidParameterValueError, match="hold must be longer than zero"):
        await connection.execute("SELECT runbell.renew_run_request(1, 1, $1)", hold)


async def test_nobody_claims_nothing(connection):
    with pytest.raises(asyncpg.InvalidParameterValueError, match="consumer must not be null"):
        await claim(connection, consumer=None)


async def test_a_consumer_takes_only_what_is_for_its_targets(connection):
    ids = {target: await add(connection, ordinal=n, target=target) for n, target in enumerate(["x", "y", "z"])}

    rows = await claim(connection, max_requests=9, targets=["y", "z"])

    assert [row["request_id"] for row in rows] == [ids["y"], ids["z"]]
    assert await claim(connection, targets=[]) == []
    assert [row["request_id"] for row in await claim(connection)] == [ids["x"]]


@pytest.mark.parametrize("state", ["launched", "failed", "canceled"])
async def test_what_is_finished_is_not_taken(connection, state):
    await add(connection, state=state)

    assert await claim(connection) == []


async def test_two_that_claim_at_once_share(connection, other):
    ids = [await add(connection, ordinal=ordinal) for ordinal in range(4)]

    async with connection.transaction():
        first = await claim(connection, max_requests=2)
        # The first has not committed: its rows are passed over, not waited for.
        second = await asyncio.wait_for(claim(other, consumer="b", max_requests=4), 5)

    assert [row["request_id"] for row in first] == ids[:2]
    assert [row["request_id"] for row in second] == ids[2:]


async def test_however_much_another_is_taking_the_oldest_of_the_rest_are_taken(connection, other):
    ids = [await add(connection, ordinal=ordinal, target="xy"[ordinal % 2]) for ordinal in range(50)]

    async with connection.transaction():
        first = await claim(connection, max_requests=31)
        second = await asyncio.wait_for(claim(other, consumer="b", max_requests=3), 5)
        third = await asyncio.wait_for(claim(other, consumer="b", max_requests=99, targets=["y", "x", "y", None]), 5)

    assert [len(first), len(second)] == [31, 3]
    assert [row["request_id"] for row in (*first, *second, *third)] == ids


async def test_many_that_claim_at_once_never_share_one(connection, database_url):
    expected = {await add(connection, ordinal=ordinal) for ordinal in range(200)}
    async with asyncpg.create_pool(database_url, min_size=8, max_size=8) as pool:
        taken = []

        async def consume(consumer):
            while rows := await claim(pool, consumer=consumer, max_requests=7):
                taken.extend(row["request_id"] for row in rows)

        async with asyncio.TaskGroup() as tasks:
            for number in range(8):
                tasks.create_task(consume(str(number)))

    assert len(taken) == 200
    assert set(taken) == expected


async def test_a_hold_that_has_run_out_frees_the_request_and_fences_its_holder_off(connection):
    await add(connection)
    lost = (await claim(connection))[0]
    await connection.execute("UPDATE runbell.run_requests SET claimed_until = clock_timestamp()")

    held = (await claim(connection, consumer="b"))[0]

    assert (held["request_id"], held["attempts"], held["claimed_by"]) == (lost["request_id"], 2, "b")
    before = await row_of(connection, held)
    assert await renew(connection, lost) is False
    assert await complete(connection, lost, "run") is False
    assert await fail(connection, lost, "no") is False
    assert await row_of(connection, held) == before
    assert await complete(connection, held, "run") is True


async def test_a_hold_that_stands_keeps_others_away(connection):
    await add(connection)
    await claim(connection)

    assert await claim(connection, consumer="b") == []


async def test_renewing_prolongs_the_hold(connection):
    await add(connection)
    held = (await claim(connection))[0]

    assert await renew(connection, held, timedelta(hours=1)) is True

    assert (await row_of(connection, held))["claimed_until"] - held["claimed_until"] > timedelta(minutes=50)


async def test_a_hold_that_has_run_out_is_renewed_as_long_as_nobody_else_took_it(connection):
    await add(connection)
    held = (await claim(connection))[0]
    await connection.execute("UPDATE runbell.run_requests SET claimed_until = clock_timestamp() - interval '1 hour'")

    assert await renew(connection, held) is True

    assert await claim(connection, consumer="b") == []


async def test_completing_names_the_run(connection):
    await add(connection)
    held = (await claim(connection))[0]

    assert await complete(connection, held, "run-7") is True

    row = await row_of(connection, held)
    assert (row["state"], row["run_id"], row["claimed_until"], row["error"]) == ("launched", "run-7", None, None)
    assert row["launched_at"] is not None
    assert await complete(connection, held, "run-8") is False
    assert (await row_of(connection, held))["run_id"] == "run-7"


@pytest.mark.parametrize(("run_id", "complaint"), [(None, "null"), ("", "empty"), ("x" * 501, "501 bytes")])
async def test_completing_without_a_run_is_refused_by_name(connection, run_id, complaint):
    await add(connection)
    held = (await claim(connection))[0]

    with pytest.raises(asyncpg.InvalidParameterValueError, match=f"run_id .*{complaint}"):
        await complete(connection, held, run_id)


async def test_failing_for_good_keeps_the_error(connection):
    await add(connection)
    held = (await claim(connection))[0]

    assert await fail(connection, held, "no such job") is True

    row = await row_of(connection, held)
    assert (row["state"], row["error"], row["claimed_by"]) == ("failed", "no such job", None)
    assert await claim(connection) == []


async def test_failing_for_now_makes_it_pending_but_not_before_its_time(connection):
    await add(connection)
    held = (await claim(connection))[0]

    assert await fail(connection, held, "busy", timedelta(hours=1)) is True

    row = await row_of(connection, held)
    assert (row["state"], row["error"], row["claimed_until"]) == ("pending", "busy", None)
    assert await claim(connection) == []
    await connection.execute("UPDATE runbell.run_requests SET due_at = clock_timestamp()")
    assert [row["attempts"] for row in await claim(connection)] == [2]


async def test_a_delayed_request_does_not_hold_up_the_next(connection):
    await add(connection, ordinal=0)
    await fail(connection, (await claim(connection))[0], "busy", timedelta(hours=1))
    later = await add(connection, ordinal=1)

    assert [row["request_id"] for row in await claim(connection)] == [later]


async def test_of_a_completion_and_a_claim_at_once_one_wins(connection, other):
    await add(connection)
    held = (await claim(connection))[0]
    await connection.execute("UPDATE runbell.run_requests SET claimed_until = clock_timestamp()")

    async with connection.transaction():
        assert await complete(connection, held, "run") is True
        assert await claim(other, consumer="b") == []

    assert await claim(other, consumer="b") == []


async def test_a_completion_that_waited_for_a_claim_finds_it_lost(connection, other):
    await add(connection)
    held = (await claim(connection))[0]
    await connection.execute("UPDATE runbell.run_requests SET claimed_until = clock_timestamp()")

    async with asyncio.TaskGroup() as tasks, other.transaction():
        assert len(await claim(other, consumer="b")) == 1
        late = tasks.create_task(complete(connection, held, "run"))
        await until_waiting(other, connection)

    assert late.result() is False


async def test_what_does_not_exist_is_nobodys(connection):
    assert await connection.fetchval("SELECT runbell.complete_run_request(4711, 1, 'run')") is False
    assert await connection.fetchval("SELECT runbell.fail_run_request(4711, 1, 'no')") is False
    assert await connection.fetchval("SELECT runbell.renew_run_request(4711, 1, '1 minute')") is False


async def add(session, *, ordinal=0, target="sql", state="pending"):
    return await session.fetchval(
        """INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, state)
           VALUES ('s', 1, $1, $2, 'j', $3) RETURNING request_id""",
        ordinal,
        target,
        state,
    )


async def claim(session, *, consumer="a", max_requests=1, hold=MINUTE, targets=None):
    sql = "SELECT * FROM runbell.claim_run_requests($1, $2, $3, $4)"
    return await session.fetch(sql, consumer, max_requests, hold, targets)


async def renew(session, row, hold=MINUTE):
    sql = "SELECT runbell.renew_run_request($1, $2, $3)"
    return await session.fetchval(sql, row["request_id"], row["attempts"], hold)


async def complete(session, row, run_id):
    sql = "SELECT runbell.complete_run_request($1, $2, $3)"
    return await session.fetchval(sql, row["request_id"], row["attempts"], run_id)


async def fail(session, row, error, retry_in=None):
    sql = "SELECT runbell.fail_run_request($1, $2, $3, $4)"
    return await session.fetchval(sql, row["request_id"], row["attempts"], error, retry_in)


async def row_of(session, row):
    return await session.fetchrow("SELECT * FROM runbell.run_requests WHERE request_id = $1", row["request_id"])


async def until_waiting(observer, waiter):
    async with asyncio.timeout(10):
        while not await observer.fetchval("SELECT cardinality(pg_blocking_pids($1))", waiter.get_server_pid()):
            await asyncio.sleep(0.01)


async def test_what_was_planned_while_there_were_few_requests_does_not_read_them_all(connection, other):
    """In sessions of an operator's own launcher; a small table is analyzed a minute after its first fifty rows."""
    few, many = 60, 10_000
    for ordinal in range(few):
        await add(connection, ordinal=ordinal, target="here")
    await connection.execute("ANALYZE runbell.run_requests")
    for _ in range(few // 3):  # PostgreSQL keeps a plan after the fifth time.
        await take_and_give_back(other)
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) "
        "SELECT 'a', 2, n, 'there', 'j' FROM generate_series(1, $1::int) AS n",
        many,
    )
    before = await read_in_sequence(connection, other)

    await take_and_give_back(other)

    assert await read_in_sequence(connection, other) == before


async def take_and_give_back(session):
    for request in await claim(session, max_requests=2, targets=["here"]):
        given = request["request_id"], request["attempts"]
        assert await session.fetchval("SELECT runbell.renew_run_request($1, $2, '1 minute')", *given)
        if request["request_id"] % 2:
            assert await session.fetchval("SELECT runbell.complete_run_request($1, $2, 'r')", *given)
        else:
            assert await session.fetchval("SELECT runbell.fail_run_request($1, $2, 'away')", *given)


async def read_in_sequence(session, counted):
    await counted.execute("SELECT pg_stat_force_next_flush()")
    await counted.fetchval("SELECT 1")
    await session.execute("SELECT pg_stat_clear_snapshot()")
    return await session.fetchval("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'run_requests'")
