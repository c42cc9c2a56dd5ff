"""What retention may remove, and what it must leave: each rule, decided by the statement that removes."""

import asyncpg
import pytest

from runbell.core.retention import KINDS, Retention
from runbell.store import retention
from runbell.store.overview import list_sensors, read_sensor_states
from runbell.store.retention import find_holding_sensors, measure_tables
from support.daemons import record, until
from support.old_rows import left, remove


async def test_what_is_old_and_passed_goes_and_what_is_young_stays(connection, place, old):
    await old("old")
    await record(connection, "young")
    await place.add("s")

    removed, lost = await remove(connection)

    assert (removed["events"], removed["runs"], lost) == (1, 1, {})
    assert await left(connection) == ["young"]
    assert await left(connection, "runs") == ["young"]


async def test_nothing_goes_that_a_running_sensor_has_not_passed_however_old(connection, place, old):
    await place.add("s")
    await old("unseen", hours=24 * 365)
    await place.add("t")

    await remove(connection)
    assert await left(connection) == ["unseen"]

    await place.move("s")
    await remove(connection)
    assert await left(connection) == []


async def test_what_became_visible_after_a_place_is_held_though_its_transaction_began_before(
    connection, place, database_url
):
    writer = await asyncpg.connect(database_url)
    transaction = writer.transaction()
    await transaction.start()
    event_id = await record(writer, "late")
    await writer.execute(
        "UPDATE runbell.run_events SET recorded_at = clock_timestamp() - interval '1 day' WHERE event_id = $1", event_id
    )
    await place.add("s")
    await transaction.commit()
    await writer.close()

    await remove(connection)

    assert await left(connection) == ["late"]


async def test_what_stands_in_evaluations_stays(connection, place, old):
    event_id = await old("dead")
    await place.add("s")
    await connection.execute(
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts) VALUES ('s', $1, 'dead', 10)",
        event_id,
    )

    await remove(connection)
    assert await left(connection) == ["dead"]

    await connection.execute("DELETE FROM runbell.evaluations")
    await remove(connection)
    assert await left(connection) == []


async def join(session, *deployed):
    """A daemon of the module that lives and has deployed these sensors of it."""
    daemon_id = await session.fetchval(
        "INSERT INTO runbell.daemons (daemon_id, module, offer, hostname, pid) "
        "VALUES (gen_random_uuid(), 'a_module', '', 'h', 1) RETURNING daemon_id"
    )
    await session.execute(
        "UPDATE runbell.sensors SET deployed_by = $1 WHERE sensor_name = ANY ($2::text[])", daemon_id, deployed
    )


async def test_an_orphaned_sensor_holds_nothing(connection, place, old):
    await place.add("gone", module="a_module")
    await old("unseen")
    # Beside a transaction of any database that is older than the event a place does not tell that it has passed it.
    youngest = "SELECT pg_snapshot_xmin(pg_current_snapshot()) > max(xid) FROM runbell.run_events"
    await until(lambda: connection.fetchval(youngest), bool)
    await place.add("kept", module="a_module")
    await join(connection, "kept")

    assert [row.sensor_name for row in await read_sensor_states(connection) if row.orphaned] == ["gone"]
    assert await find_holding_sensors(connection, 1.0) == []
    await remove(connection)

    assert await left(connection) == []


async def test_a_peer_that_lives_on_when_the_deployer_dies_lets_nothing_go(connection, place, old):
    await place.add("a", module="a_module")
    await place.add("b", module="a_module")
    await connection.execute("UPDATE runbell.sensors SET deployed_by = gen_random_uuid()")
    await old("unseen")
    # It has yet to deploy what its peer had.
    await join(connection)

    assert [row.sensor_name for row in await read_sensor_states(connection) if row.orphaned] == []
    assert [row.cells["orphaned"] for row in await list_sensors(connection, None)] == [False, False]
    assert len(await find_holding_sensors(connection, 1.0)) == 2
    await remove(connection)

    assert await left(connection) == ["unseen"]


async def test_a_stopped_sensor_holds_for_ever_if_it_may(connection, place, old):
    await place.add("stopped", state="stopped")
    await old("a", hours=24 * 365)

    await remove(connection, Retention(events=1.0, stopped=0.0))

    assert await left(connection) == ["a"]


async def test_a_sensor_that_never_started_holds_nothing(connection, place, old):
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash) "
        "VALUES ('never', 'a_module', false, '{}', 1)"
    )
    await old("a")

    await remove(connection)

    assert await left(connection) == []


async def test_ages_of_zero_keep_for_ever(connection, place, old):
    await old("a")
    await place.add("s")

    removed, _ = await remove(connection, Retention(events=0.0, requests=0.0, ticks=0.0))

    assert removed == dict.fromkeys(KINDS, 0)
    assert await left(connection) == ["a"]


async def test_places_of_another_cluster_let_nothing_go(connection, place, old):
    await old("a")
    await place.add("s")
    await connection.execute("UPDATE runbell.cluster SET system_identifier = 1")

    await remove(connection)

    assert await left(connection) == ["a"]


async def test_many_pages_are_swept_also_past_rows_that_stay(connection, place, old):
    await connection.execute("""
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status, recorded_at)
        SELECT 'sql', 'run-' || n, 'job', 'SUCCESS', 'SUCCESS', clock_timestamp() - interval '1 day'
        FROM generate_series(1, 3500) AS n
    """)
    await connection.execute("""
        INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts)
        SELECT 's', e.event_id, 'dead', 1 FROM runbell.run_events AS e ORDER BY e.event_id LIMIT 1200
    """)
    await place.add("s")

    removed, _ = await remove(connection)

    assert removed["events"] == 2300


async def add_request(session, event_id, *, state="launched", run_id=None, source="sql"):
    return await session.fetchval(
        "INSERT INTO runbell.run_requests "
        "(sensor_name, event_id, ordinal, target, job_name, state, run_id, requested_at) "
        "VALUES ('s', $1, 0, $4, 'j', $2, $3, clock_timestamp() - interval '1 day') RETURNING request_id",
        *(event_id, state, run_id, source),
    )


async def test_a_request_stays_as_long_as_its_event(connection, place, old):
    await place.add("s")
    await add_request(connection, await old("kept"))

    assert (await remove(connection))[0]["requests"] == 0

    await place.move("s")
    assert (await remove(connection))[0]["requests"] == 1


@pytest.mark.parametrize("state", ["pending", "claimed"])
async def test_a_request_that_is_not_done_with_stays(connection, state):
    await add_request(connection, 1, state=state)

    assert (await remove(connection))[0]["requests"] == 0


async def test_a_request_stays_as_long_as_anything_of_its_run(connection, place, old):
    await add_request(connection, 10**9, run_id="led to")
    await place.add("s")
    event_id = await old("led to")

    await remove(connection)
    assert await left(connection, "run_requests", "run_id") == ["led to"]

    await place.move("s")
    await connection.execute("UPDATE runbell.runs SET ended_at = NULL, updated_at = clock_timestamp()")
    await remove(connection)
    assert await left(connection, "run_events", "event_id") == []
    assert event_id
    assert await left(connection, "run_requests", "run_id") == ["led to"]

    await connection.execute("UPDATE runbell.runs SET ended_at = clock_timestamp()")
    assert (await remove(connection))[0]["requests"] == 1


async def test_keys_of_runs_stay(connection):
    request_id = await add_request(connection, 1)
    await connection.execute("INSERT INTO runbell.run_keys VALUES ('s', 'key', $1)", request_id)

    assert (await remove(connection))[0]["requests"] == 1
    assert await left(connection, "run_keys", "run_key") == ["key"]


KEPT = {"while_active": ["led to"], "until_success": ["led to"], "forever": []}


@pytest.mark.parametrize("policy", KEPT)
async def test_a_run_stays_while_a_key_asks_how_it_ended(connection, place, old, policy):
    await old("led to")
    await place.add("s")
    request_id = await add_request(connection, 2, run_id="led to")
    await connection.execute("UPDATE runbell.run_requests SET run_key = 'key'")
    await connection.execute(
        "INSERT INTO runbell.run_keys (sensor_name, run_key, request_id, policy) VALUES ('s', 'key', $1, $2)",
        request_id,
        policy,
    )

    await remove(connection, kinds=("events", "runs"))

    assert await left(connection, "runs") == KEPT[policy]


async def add_old_ticks(session, *ticks):
    await session.executemany(
        "INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, "
        "settled_at) VALUES ($1, 1, $2, 0, 1, 0, 0, clock_timestamp() - interval '1 day')",
        ticks,
    )


async def test_of_ticks_the_one_that_got_furthest_stays(connection):
    await add_old_ticks(connection, ("s", 10), ("s", 30), ("s", 20), ("t", 5))

    removed, _ = await remove(connection)

    # The last of "s" is that of a retry.
    assert removed["ticks"] == 1
    assert await left(connection, "ticks", "last_event_id") == [5, 20, 30]


@pytest.mark.parametrize("length", [1, 2, 3, 1000])
async def test_of_ticks_the_last_one_stays_too(connection, monkeypatch, length):
    monkeypatch.setattr(retention, "SCANNED", length)
    await add_old_ticks(connection, ("s", 40), ("s", 30), ("s", 35), ("t", 1), ("s", 20), ("s", 10), ("t", 2))

    await remove(connection)

    kept = await left(connection, "ticks", "last_event_id")
    assert {2, 10, 40} <= set(kept)
    # Shorter pages leave some in between.
    assert length < 1000 or kept == [2, 10, 40]


async def test_a_run_whose_event_is_on_its_way_is_not_waited_for(connection, place, old, database_url):
    await old("a")
    await place.add("s")
    await remove(connection, kinds=["events"])
    writer = await asyncpg.connect(database_url)
    transaction = writer.transaction()
    await transaction.start()
    await record(writer, "a")
    await connection.execute("SET lock_timeout = '1s'")

    assert (await remove(connection))[0]["runs"] == 0

    await transaction.commit()
    await writer.close()
    assert await left(connection, "runs") == ["a"]


async def test_failures_of_steps_go_with_their_run(connection, place, old):
    await old("a")
    await connection.execute("SELECT runbell.record_step_failure('a', 'step', '{}')")
    await place.add("s")

    await remove(connection)

    assert await left(connection, "step_failures") == []


async def test_sizes_and_who_holds_what_are_shown(connection, place, old):
    await place.add("stopped", state="stopped")
    await old("a")

    tables = {row.cells["table_name"]: row.cells for row in await measure_tables(connection)}
    holding = [row.cells for row in await find_holding_sensors(connection, 1.0)]

    assert tables["run_events"]["bytes"] > 0
    assert tables["run_events"]["oldest"] is not None
    assert [(row["sensor_name"], row["active"]) for row in holding] == [("stopped", False)]
