"""How long launching takes, and how long requests wait for a launcher, as the database tells it."""

from datetime import timedelta

from runbell.store.launches import count_launches, read_queue_age

BOUNDS = (0.1, 1.0, 10.0)
REQUEST = """
INSERT INTO runbell.run_requests (
    sensor_name, event_id, ordinal, target, job_name, state, requested_at, launched_at, due_at
)
VALUES ('a', $1, 0, 'sql', 'next', $2, now() - $3::interval, now() - $4::interval, now() + $5::interval)
"""


async def put(session, number, state, *, ago, launched_ago=None, due_in=None):
    spans = [span if span is None else timedelta(seconds=span) for span in (ago, launched_ago, due_in)]
    await session.execute(REQUEST, number, state, *spans)


async def test_each_launch_is_counted_once_by_how_long_it_took(connection):
    await put(connection, 1, "launched", ago=100.0, launched_ago=99.5)
    first = await count_launches(connection, None, BOUNDS)
    assert list(first.counts) == [0, 0, 0, 0]

    await put(connection, 2, "launched", ago=100.0, launched_ago=99.95)
    await put(connection, 3, "launched", ago=100.0, launched_ago=50.0)
    second = await count_launches(connection, first.until - timedelta(seconds=200), BOUNDS)
    third = await count_launches(connection, second.until, BOUNDS)

    assert list(second.counts) == [1, 1, 0, 1]
    assert round(second.seconds, 3) == 50.55
    assert list(third.counts) == [0, 0, 0, 0]


async def test_what_was_launched_just_now_is_left_to_the_next_count(connection):
    before = await count_launches(connection, None, BOUNDS)

    await put(connection, 1, "launched", ago=5.0, launched_ago=0.0)
    found = await count_launches(connection, before.until, BOUNDS)

    assert sum(found.counts) == 0


async def test_the_queue_is_as_old_as_the_oldest_request_that_may_be_taken(connection):
    assert await read_queue_age(connection) == 0

    await put(connection, 1, "launched", ago=5000.0, launched_ago=1.0)
    await put(connection, 2, "pending", ago=2000.0, due_in=600.0)
    assert await read_queue_age(connection) == 0

    await put(connection, 3, "pending", ago=30.0)
    await put(connection, 4, "pending", ago=5.0)
    assert 30 <= await read_queue_age(connection) < 60


async def test_a_claim_that_has_run_out_waits_again(connection):
    await put(connection, 1, "claimed", ago=500.0)
    await connection.execute("UPDATE runbell.run_requests SET claimed_until = now() + interval '1 minute'")
    assert await read_queue_age(connection) == 0

    await connection.execute("UPDATE runbell.run_requests SET claimed_until = now() - interval '1 minute'")
    assert 60 <= await read_queue_age(connection) < 90
