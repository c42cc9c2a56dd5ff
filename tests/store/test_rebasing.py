"""Rebasing of places, after a restore into another cluster: what they had passed stays passed, all else is read again.

The cluster is "another" by its stored identifier here, and transaction ids are written that this server never gave out;
`faults/test_postgres_restores.py` really restores.
"""

import os
import random
from dataclasses import dataclass

import anyio
import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.errors import StoreUnavailableError, WrongServerError
from runbell.core.events import EventKey
from runbell.core.places import Place, Snapshot
from runbell.store.places import place_of
from runbell.store.server import check_places, rebase_places
from support.daemons import record, requested_keys, running, until
from support.places import passes

Session = asyncpg.Connection

# Above and around what a young server has given out.
FIRST_XID = 600
MOST_XIDS = 400


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@dataclass(frozen=True, slots=True)
class Foreign:
    """What came from the other cluster: places by sensor, and the keys of its events."""

    places: dict[str, Place]
    keys: list[EventKey]


def snapshot(chance: random.Random) -> Snapshot:
    xmin = FIRST_XID + chance.randrange(MOST_XIDS)
    xmax = xmin + chance.choice([0, 1, 5, 50])
    return Snapshot(xmin, xmax, frozenset(x for x in range(xmin, xmax) if chance.random() < 0.4))


def place(chance: random.Random, keys: list[EventKey]) -> Place:
    position = snapshot(chance)
    if chance.random() < 0.5:
        return Place(position)
    return Place(position, snapshot(chance), chance.choice(keys))


async def restore(session: Session, chance: random.Random, sensors: int, events: int) -> Foreign:
    """Rows as a restore brings them: with the other cluster's transaction ids."""
    ids = range(1, events + 1)
    keys = [EventKey(FIRST_XID + chance.randrange(MOST_XIDS), event_id) for event_id in ids]
    await session.execute("ALTER TABLE runbell.run_events DISABLE TRIGGER stamp_run_event")
    await session.executemany(
        "INSERT INTO runbell.run_events (event_id, xid, source, run_id, job_name, status, native_status) "
        "VALUES ($2::bigint, $1::bigint::text::xid8, 'sql', 'r' || $2::bigint, 'job', 'SUCCESS', 'SUCCESS')",
        [(key.xid, key.event_id) for key in keys],
    )
    await session.execute("ALTER TABLE runbell.run_events ENABLE ALWAYS TRIGGER stamp_run_event")
    await session.execute("SELECT setval('runbell.run_events_event_id_seq', $1)", events)
    places = {f"s{number}": place(chance, keys) for number in range(sensors)}
    for name, one in places.items():
        await put_sensor(session, name, one)
    await session.execute(
        "INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed) "
        "VALUES ('s0', 1, $1, 1, 0, 0, 0)",
        events,
    )
    await session.execute("UPDATE runbell.cluster SET system_identifier = 1")
    return Foreign(places, keys)


async def put_sensor(session: Session, name: str, place: Place | None, since: Snapshot | None = None) -> None:
    await session.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position, upper, "
        "last_xid, last_event_id, filter_since, lease_epoch) VALUES ($1, 'm', true, '{}', 0, $2::text::pg_snapshot, "
        "$3::text::pg_snapshot, $4::bigint::text::xid8, $5, $6::text::pg_snapshot, 7)",
        name,
        None if place is None else str(place.position),
        None if place is None or place.upper is None else str(place.upper),
        None if place is None or place.last is None else place.last.xid,
        None if place is None or place.last is None else place.last.event_id,
        None if since is None else str(since),
    )


async def places_now(session: Session) -> dict[str, Place]:
    rows = await session.fetch(
        "SELECT sensor_name, position::text, upper::text, last_xid::text::bigint, last_event_id FROM runbell.sensors "
        "WHERE position IS NOT NULL"
    )
    return {row["sensor_name"]: place_of(row) for row in rows}


async def keys_now(session: Session) -> dict[int, EventKey]:
    rows = await session.fetch("SELECT xid::text::bigint, event_id FROM runbell.run_events")
    return {row["event_id"]: EventKey(row["xid"], row["event_id"]) for row in rows}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sensors", [1, 5, 40])
async def test_what_each_place_had_passed_it_has_passed_still_and_nothing_else(
    connection: Session, seed: int, sensors: int
) -> None:
    foreign = await restore(connection, random.Random(seed), sensors, events=300)
    native = await record(connection, "before the first daemon")

    rebased = await rebase_places(connection)

    keys, places = await keys_now(connection), await places_now(connection)
    for name, former in foreign.places.items():
        was = {key.event_id for key in foreign.keys if passes(former, key)}
        assert {event_id for event_id, key in keys.items() if passes(places[name], key)} == was, name
    now = await connection.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    assert all(key.xid < now for key in keys.values())
    assert native in keys
    assert (rebased.busy, rebased.sensors, rebased.events) == (False, sensors, 301)
    unread = {key.event_id for key in foreign.keys if not all(passes(p, key) for p in foreign.places.values())}
    assert rebased.unread == len(unread | {native})
    assert await check_places(connection) is None


async def test_it_is_done_once(connection: Session) -> None:
    await restore(connection, random.Random(1), sensors=3, events=50)

    first = await rebase_places(connection)
    places = await places_now(connection)
    second = await rebase_places(connection)

    assert first.sensors == 3
    assert (second.busy, second.sensors, second.events) == (False, 0, 0)
    assert await places_now(connection) == places


async def test_of_two_at_once_one_does_it_and_the_other_does_not_wait_in_the_database(
    database_url: str, connection: Session
) -> None:
    await restore(connection, random.Random(1), sensors=3, events=50)
    other = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    first = await rebase_places(connection)
    with anyio.fail_after(5):
        second = await rebase_places(other)
    await transaction.commit()
    await other.close()

    assert first.sensors == 3
    assert second.busy


async def test_no_writer_waits_for_it_and_what_comes_meanwhile_is_unread(
    database_url: str, connection: Session
) -> None:
    await restore(connection, random.Random(2), sensors=3, events=50)
    writer = await asyncpg.connect(database_url)
    open_writer = await asyncpg.connect(database_url)
    writing = open_writer.transaction()
    await writing.start()
    await record(open_writer, "open before, committed after")
    transaction = connection.transaction()
    await transaction.start()
    await rebase_places(connection)
    with anyio.fail_after(5):
        meanwhile = await record(writer, "meanwhile")
    await transaction.commit()
    await writing.commit()
    await writer.close()
    await open_writer.close()

    keys, places = await keys_now(connection), await places_now(connection)
    for one in places.values():
        assert not passes(one, keys[meanwhile])
        assert not passes(one, keys[meanwhile - 1])


async def test_what_else_holds_transaction_ids_is_rebased_too(connection: Session) -> None:
    foreign = await restore(connection, random.Random(3), sensors=2, events=100)
    await put_sensor(connection, "never started", None)
    since = Snapshot(FIRST_XID + 200, FIRST_XID + 200)
    await put_sensor(connection, "changed", Place(Snapshot(FIRST_XID, FIRST_XID)), since)
    await connection.execute(
        "INSERT INTO runbell.sources (source, kind, watermark) VALUES "
        """('d', 'dagster', '{"event": 5, "run": 3, "older": {"xmax": "9"}, "newer": {"xmax": "9"}}'), """
        """('t', 'table', '{"snapshot": "9:9:"}')"""
    )

    await rebase_places(connection)

    keys = await keys_now(connection)
    stored = await connection.fetchval("SELECT filter_since::text FROM runbell.sensors WHERE sensor_name = 'changed'")
    seen = {event_id for event_id, key in keys.items() if Snapshot.parse(stored).sees(key.xid)}
    assert seen == {key.event_id for key in foreign.keys if since.sees(key.xid)}
    assert "never started" not in await places_now(connection)
    assert await connection.fetchval("SELECT min(lease_epoch) FROM runbell.sensors") == 8
    marks = await connection.fetch("SELECT watermark::text FROM runbell.sources ORDER BY source")
    assert [row["watermark"] for row in marks] == ['{"run": 3, "event": 5}', "{}"]


async def test_more_classes_than_ids_below_the_oldest_transaction_are_called_again(connection: Session) -> None:
    """An old prepared transaction in a young cluster leaves no room: at least once then, and nothing is skipped."""
    foreign = await restore(connection, random.Random(4), sensors=40, events=300)
    function = await connection.fetchval("SELECT pg_get_functiondef('runbell.rebase_places'::regproc)")
    cramped = function.replace("room := pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 4", "room := 10")
    assert cramped != function
    await connection.execute(cramped)

    await rebase_places(connection)

    keys, places = await keys_now(connection), await places_now(connection)
    assert len({key.xid for key in keys.values()}) == 10
    for name, former in foreign.places.items():
        passed = {event_id for event_id, key in keys.items() if passes(places[name], key)}
        assert passed <= {key.event_id for key in foreign.keys if passes(former, key)}


async def test_a_daemon_rebases_by_itself_and_goes_on_without_repeating_what_was_settled(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        await record(connection, "settled")
        await until(lambda: requested_keys(connection), ["settled"].__eq__)
    await record(connection, "waiting")
    ahead = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 5000"
    await connection.execute(f"UPDATE runbell.sensors SET position = format('%s:%s:', {ahead}, {ahead})::pg_snapshot")
    await connection.execute("UPDATE runbell.cluster SET system_identifier = 1")
    ticks = await connection.fetchval("SELECT sum(requested) FROM runbell.ticks")

    async with running(database_url, chain), running(database_url, chain):
        await record(connection, "later")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3)

    assert await requested_keys(connection) == ["later", "settled", "waiting"]
    assert await connection.fetchval("SELECT sum(requested) FROM runbell.ticks") == ticks + 2


async def test_the_role_that_serves_may_rebase_and_the_one_that_records_may_not(connection: Session) -> None:
    await restore(connection, random.Random(5), sensors=3, events=50)
    for purpose in ("recorder", "service"):
        role = f"{purpose}_{os.getpid()}"
        await connection.execute(f"CREATE ROLE {role}")
        try:
            await connection.execute("SELECT runbell.grant_access($1, $2)", role, purpose)
            await connection.execute(f"SET ROLE {role}")
            if purpose == "recorder":
                with pytest.raises(StoreUnavailableError, match="permission denied"):
                    await rebase_places(connection)
            else:
                assert (await rebase_places(connection)).sensors == 3
        finally:
            await connection.execute("RESET ROLE")
            await connection.execute(f"DROP OWNED BY {role}")
            await connection.execute(f"DROP ROLE {role}")


async def test_places_that_cannot_be_rebased_end_the_daemon_with_a_sentence(
    database_url: str, connection: Session
) -> None:
    await connection.execute("UPDATE runbell.cluster SET system_identifier = 1")
    await connection.execute(
        "CREATE OR REPLACE FUNCTION runbell.rebase_places(OUT busy boolean, OUT sensors bigint, OUT events bigint, "
        "OUT unread bigint) LANGUAGE sql AS 'SELECT false, 0::bigint, 0::bigint, 0::bigint'"
    )

    with pytest.raises(ExceptionGroup) as refused:
        async with running(database_url, chain):
            pass

    assert refused.group_contains(WrongServerError, match="did not help")
