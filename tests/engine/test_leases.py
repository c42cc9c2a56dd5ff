"""I6: only the holder of the current epoch writes for a sensor; two daemons double nothing."""

from collections import Counter

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core.places import Place, Snapshot
from runbell.core.progress import Evaluation, Settlement
from runbell.core.requests import Conclusion, RequestDraft
from runbell.store.events import read_events
from runbell.store.settling import settle
from support.daemons import record, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest()


@run_status_sensor(run_status="SUCCESS", request_job="j")
async def other(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest()


async def requests_by_run(session: Session, sensor: str) -> Counter[str]:
    rows = await session.fetch(
        "SELECT e.run_id FROM runbell.run_requests AS q JOIN runbell.run_events AS e USING (event_id) "
        "WHERE q.sensor_name = $1",
        sensor,
    )
    return Counter(row["run_id"] for row in rows)


async def test_i6_two_daemons_started_by_mistake_double_nothing(database_url: str, connection: Session) -> None:
    async with running(database_url, chain, other), running(database_url, chain, other):
        for number in range(50):
            await record(connection, f"r{number}")
        await until(
            lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"), lambda count: count >= 100
        )

    for sensor in ("chain", "other"):
        found = await requests_by_run(connection, sensor)
        assert len(found) == 50
        assert set(found.values()) == {1}


async def test_i6_the_second_daemon_takes_over_when_the_first_stops(database_url: str, connection: Session) -> None:
    async with running(database_url, chain):
        async with running(database_url, chain):
            await record(connection, "with-both")
            await until(lambda: requests_by_run(connection, "chain"), lambda found: found["with-both"] == 1)
        await record(connection, "alone")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["alone"] == 1, seconds=8)

    async with running(database_url, chain) as first, running(database_url, chain):
        first.stop()
        await record(connection, "taken-over")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["taken-over"] == 1, seconds=8)

    assert set((await requests_by_run(connection, "chain")).values()) == {1}


async def prepared(connection: Session, url: str) -> tuple[Settlement, int]:
    """A settlement of one event with one request, as a holder would make it."""
    async with running(url, chain):
        pass
    await connection.execute("UPDATE runbell.sensors SET lease_epoch = 7")
    place = Place(Snapshot.parse(await connection.fetchval("SELECT position::text FROM runbell.sensors")))
    event_id = await record(connection, "r1")
    page = await read_events(connection, place)
    evaluation = Evaluation(page.events[0], conclusion=Conclusion("requested", (RequestDraft("j"),)))
    return Settlement("chain", 7, place, page.end, placed=(evaluation,)), event_id


async def test_i6_a_settlement_with_an_old_epoch_changes_nothing(database_url: str, connection: Session) -> None:
    settlement, _ = await prepared(connection, database_url)
    await connection.execute("UPDATE runbell.sensors SET lease_epoch = 8")
    before = await connection.fetchrow("SELECT * FROM runbell.sensors")

    settled = await settle(connection, [settlement])

    assert settled.sensors == set()
    assert await connection.fetchrow("SELECT * FROM runbell.sensors") == before
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_requests") == 0
    assert await connection.fetchval("SELECT count(*) FROM runbell.ticks") == 0


async def test_i2_a_settlement_takes_effect_once(database_url: str, connection: Session) -> None:
    settlement, event_id = await prepared(connection, database_url)

    first = await settle(connection, [settlement])
    second = await settle(connection, [settlement])

    assert first.sensors == {"chain"}
    assert len(first.requests["chain", event_id, 0]) == 1
    assert second.sensors == set()
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_requests") == 1


async def test_i6_a_settlement_that_waits_beside_a_take_over_is_fenced_off(
    database_url: str, connection: Session
) -> None:
    """The fence locks: one that only reads commits beside a take-over that began before it."""
    settlement, _ = await prepared(connection, database_url)
    settler = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("UPDATE runbell.sensors SET lease_epoch = 8")

    during = await settle(settler, [settlement])
    await transaction.commit()
    after = await settle(settler, [settlement])
    await settler.close()

    assert during.sensors == set()
    assert after.sensors == set()
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_requests") == 0


async def test_i4_a_locked_sensor_row_does_not_hold_up_the_others(database_url: str, connection: Session) -> None:
    async with running(database_url, chain, other):
        holder = await asyncpg.connect(database_url)
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("SELECT FROM runbell.sensors WHERE sensor_name = 'other' FOR UPDATE")
        await record(connection, "r1")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["r1"] == 1, seconds=5)
        assert not await requests_by_run(connection, "other")
        await transaction.rollback()
        await holder.close()
        await until(lambda: requests_by_run(connection, "other"), lambda found: found["r1"] == 1, seconds=5)


async def test_i6_raising_the_epoch_by_hand_makes_the_daemon_begin_again_from_the_place(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        await record(connection, "r1")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["r1"] == 1)
        await connection.execute("UPDATE runbell.sensors SET lease_epoch = lease_epoch + 1")
        await record(connection, "r2")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["r2"] == 1, seconds=8)

    assert set((await requests_by_run(connection, "chain")).values()) == {1}


async def test_i2_moving_a_place_back_calls_again_and_doubles_no_request(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        pass
    start = await connection.fetchval("SELECT position::text FROM runbell.sensors")
    async with running(database_url, chain):
        for number in range(10):
            await record(connection, f"r{number}")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: len(found) == 10)
    await connection.execute(
        "UPDATE runbell.sensors "
        "SET position = $1::text::pg_snapshot, upper = NULL, last_xid = NULL, last_event_id = NULL",
        start,
    )
    acted = await connection.fetchval("SELECT sum(requested) FROM runbell.ticks")
    async with running(database_url, chain):
        await record(connection, "r10")
        await until(lambda: requests_by_run(connection, "chain"), lambda found: found["r10"] == 1)

    assert await connection.fetchval("SELECT sum(requested) FROM runbell.ticks") == acted + 11
    assert set((await requests_by_run(connection, "chain")).values()) == {1}


async def test_the_same_identity_from_another_module_is_refused_while_the_first_lives(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain, module="the_first"):
        with pytest.raises(ExceptionGroup) as refused:
            async with running(database_url, chain, module="the_second"):
                pass
        (sentence,) = [str(error) for error in refused.value.exceptions]
        assert "'chain'" in sentence
        assert "'the_first'" in sentence
        assert "RUNBELL_CODE_LOCATION" in sentence
        async with running(database_url, chain, module="the_second", code_location="elsewhere"):
            await record(connection, "r1")
            await until(lambda: requests_by_run(connection, "elsewhere:chain"), lambda found: found["r1"] == 1)
    async with running(database_url, chain, module="the_second"):
        pass


async def test_a_daemon_keeps_beating_while_nothing_happens(database_url: str, connection: Session) -> None:
    beats = "SELECT beat FROM runbell.daemons"
    async with running(database_url, chain):
        first = await connection.fetchval(beats)
        await until(lambda: connection.fetchval(beats), lambda beat: beat > first, seconds=10)
        assert await connection.fetchval("SELECT count(*) FROM runbell.sensors WHERE lease_holder IS NOT NULL") == 1

    assert await connection.fetchval("SELECT count(*) FROM runbell.daemons") == 0
    assert await connection.fetchval("SELECT count(*) FROM runbell.sensors WHERE lease_holder IS NOT NULL") == 0
