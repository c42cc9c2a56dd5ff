"""Replicas share the sensors evenly, without configuration, and hand them over without losing or doubling anything."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import anyio
import asyncpg
import pytest

from runbell.core.leases import Role
from runbell.core.sensors import Sensor
from runbell.engine import tenure
from runbell.engine.listener import Listener
from runbell.store.statements import statement
from support.daemons import record, running, until
from support.sharing import (
    TEN,
    Gate,
    answering,
    beats,
    ghost,
    holder_of,
    looks,
    present,
    shared,
    shares,
    times_requested,
)

Session = asyncpg.Connection


@pytest.fixture
def no_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens in a test happens because somebody rang, not because a beat came by."""
    monkeypatch.setattr(tenure, "BEAT_SECONDS", 60.0)
    monkeypatch.setattr(tenure, "BEAT_SECONDS_WITH_PEERS", 60.0)


@pytest.mark.usefixtures("no_beats")
async def test_replicas_share_evenly_as_they_come_and_go_and_answer_throughout(
    database_url: str, connection: Session
) -> None:
    writer = await asyncpg.connect(database_url)
    written: list[str] = []
    stop = anyio.Event()

    async def write() -> None:
        while not stop.is_set():
            written.append(f"r{len(written)}")
            await record(writer, written[-1])
            await anyio.sleep(0.02)

    async with running(database_url, *TEN) as first, anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        assert await shared(connection, 10) == {str(first.daemon_id): 10}
        async with running(database_url, *TEN):
            await shared(connection, 5, 5)
            async with running(database_url, *TEN):
                await shared(connection, 4, 3, 3)
            await shared(connection, 5, 5)
        await shared(connection, 10)
        stop.set()
    await writer.close()

    async with running(database_url, *TEN):
        for run_id in (written[0], written[len(written) // 2], written[-1]):
            await until(lambda run_id=run_id: times_requested(connection, run_id), lambda found: len(found) == 10)  # type: ignore[misc]
    total = await connection.fetchval("SELECT count(*) FROM runbell.run_requests")
    assert total == len(written) * 10
    # Handed over, not torn away: nothing was called a second time.
    assert await connection.fetchval("SELECT sum(requested) FROM runbell.ticks") == total


async def test_a_replica_that_leaves_hands_over_at_once_what_is_quiet_and_the_busy_when_it_has_finished(
    database_url: str, connection: Session
) -> None:
    called: list[str] = []
    go_on = anyio.Event()

    def sensors(replica: str) -> list[Sensor]:
        async def busy() -> None:
            called.append(replica)
            await go_on.wait()

        return [answering("busy", called=busy), *TEN]

    async with AsyncExitStack() as stack:
        leaving = await stack.enter_async_context(running(database_url, *sensors("leaving"), shutdown_grace_seconds=30))
        await record(connection, "slow")
        await until(lambda: present(called), lambda found: found == ["leaving"])
        staying = await stack.enter_async_context(running(database_url, *sensors("staying")))
        await until(lambda: holder_of(connection, "sensor_0"), bool)

        leaving.stop()

        # All but the busy one, long before the grace period ends.
        await until(lambda: shares(connection), lambda found: found[str(staying.daemon_id)] == 10, seconds=5)
        assert await holder_of(connection, "busy") == str(leaving.daemon_id)
        go_on.set()
        await until(lambda: holder_of(connection, "busy"), lambda found: found == str(staying.daemon_id))
        await until(lambda: times_requested(connection, "slow"), lambda found: found["busy"] == 1)

    assert called == ["leaving"]


async def test_a_sensor_that_is_busy_stays_where_it_is_when_shares_change(
    database_url: str, connection: Session
) -> None:
    gate = Gate()
    both = [answering("a_busy", called=gate.pass_through), answering("b_busy", called=gate.pass_through)]
    async with running(database_url, *both) as first:
        await record(connection, "r1")
        await until(lambda: present(gate.calls), lambda count: count == 2)
        async with running(database_url, *both):
            tried = await beats(connection, first) + 2
            # Told to look again, it does so when it has tried to give one up and has gone on.
            await until(lambda: looks(connection, first), lambda count: count >= tried, seconds=15)
            assert await shares(connection) == {str(first.daemon_id): 2}
            await record(connection, "r2")
            await until(lambda: present(gate.calls), lambda count: count == 4)
            gate.open()
            await until(lambda: times_requested(connection, "r2"), lambda found: sum(found.values()) == 2)
            await shared(connection, 1, 1)
        assert gate.calls == 4


@pytest.mark.usefixtures("no_beats")
async def test_a_sensor_that_was_busy_is_handed_over_in_the_moment_in_which_it_has_finished(
    database_url: str, connection: Session
) -> None:
    gate = Gate()
    both = [answering("a_busy", called=gate.pass_through), answering("b_busy", called=gate.pass_through)]
    async with running(database_url, *both) as first:
        await record(connection, "r1")
        await until(lambda: present(gate.calls), lambda count: count == 2)
        before = await beats(connection, first)
        async with running(database_url, *both):
            await until(lambda: beats(connection, first), lambda count: count > before)
            gate.open()
            await shared(connection, 1, 1)
    assert gate.calls == 2


@pytest.mark.usefixtures("no_beats")
async def test_sensors_that_are_stopped_are_shared_like_the_others(database_url: str, connection: Session) -> None:
    async with running(database_url, *TEN, default_running=False):
        await shared(connection, 10)
        async with running(database_url, *TEN, default_running=False):
            await shared(connection, 5, 5)


async def test_i3_what_has_finished_is_settled_before_its_sensor_is_let_go(
    database_url: str, connection: Session
) -> None:
    calls: list[str] = []

    async def called() -> None:
        calls.append("one")

    locker = await asyncpg.connect(database_url)
    sensor = answering("finished", called=called)
    async with running(database_url, sensor, role=Role.STANDBY) as staying:
        async with running(database_url, sensor) as leaving:
            transaction = locker.transaction()
            await transaction.start()
            # Locked, the sensor is skipped by every settlement, so its result waits.
            await locker.execute("SELECT FROM runbell.sensors FOR UPDATE")
            await record(connection, "r1")
            await until(lambda: present(calls))
            staying.promote()
            leaving.stop()
            await until(
                lambda: connection.fetchval("SELECT count(*) FROM runbell.daemons WHERE role = 'leaving'"),
                lambda count: count == 1,
            )
            await transaction.rollback()
        await until(lambda: times_requested(connection, "r1"), lambda found: found == {"finished": 1})
        await until(lambda: holder_of(connection, "finished"), lambda holder: holder == str(staying.daemon_id))
    await locker.close()

    assert calls == ["one"]


@pytest.mark.usefixtures("no_beats")
async def test_a_standby_that_is_promoted_takes_over_from_the_dead_at_once_and_ends_their_sessions(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, *TEN):
        pass
    async with ghost(database_url) as dead, running(database_url, *TEN, role=Role.STANDBY) as standby:
        assert await shares(connection) == {str(dead.identity.daemon_id): 10}

        standby.promote(dead=[dead.identity.daemon_id])

        # The lock is held: nobody but who promoted it could know.
        await until(lambda: shares(connection), lambda found: found == {str(standby.daemon_id): 10}, seconds=5)
        await until(lambda: present(dead.session.is_closed()), seconds=5)
        await record(connection, "r1")
        await until(lambda: times_requested(connection, "r1"), lambda found: sum(found.values()) == 10)


@pytest.mark.usefixtures("no_beats")
async def test_the_death_of_a_peer_is_noticed_by_its_lock(database_url: str, connection: Session) -> None:
    async with running(database_url, *TEN):
        pass
    async with ghost(database_url) as peer, running(database_url, *TEN) as watching:
        watches = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'runbell watcher %'"
        await until(lambda: connection.fetchval(watches), lambda count: count == 1)
        assert await shares(connection) == {str(peer.identity.daemon_id): 10}

        peer.session.terminate()

        await until(lambda: shares(connection), lambda found: found == {str(watching.daemon_id): 10}, seconds=5)


@pytest.mark.usefixtures("no_beats")
async def test_a_lease_that_its_holder_does_not_know_of_is_let_go_of(database_url: str, connection: Session) -> None:
    """As after a lost connection: in the table it is that of a daemon that lives, so nobody else would take it."""
    async with running(database_url, *TEN) as first, running(database_url, *TEN) as second:
        await shared(connection, 5, 5)
        await connection.execute(
            "UPDATE runbell.sensors SET lease_holder = $1, lease_epoch = lease_epoch + 1 WHERE sensor_name = ("
            "SELECT min(sensor_name) FROM runbell.sensors WHERE lease_holder = $2)",
            first.daemon_id,
            second.daemon_id,
        )
        assert sorted((await shares(connection)).values()) == [4, 6]

        first.set_apart([], apart=True)

        await shared(connection, 5, 5)
        await record(connection, "r1")
        await until(lambda: times_requested(connection, "r1"), lambda found: sum(found.values()) == 10)


async def test_a_release_whose_time_runs_out_half_way_holds_nothing_back(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, *TEN), running(database_url, *TEN, role=Role.STANDBY) as standby:
        await shared(connection, 10)
        locking = await asyncpg.connect(database_url)
        async with locking.transaction():
            await locking.execute("SELECT FROM runbell.sensors FOR UPDATE")
            standby.promote()
            releases = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '-- Gives up%' AND state = 'active'"
            await until(lambda: connection.fetchval(releases), lambda count: count == 1)
            await until(lambda: connection.fetchval(releases), lambda count: count == 0)
        await locking.close()

        await shared(connection, 5, 5)
        await record(connection, "r1")
        await until(lambda: times_requested(connection, "r1"), lambda found: sum(found.values()) == 10)


async def test_sensors_that_are_kept_apart_are_held_by_their_own_daemon_alone(
    database_url: str, connection: Session
) -> None:
    orphaned: list[frozenset[str]] = []
    async with running(database_url, *TEN, on_apart=orphaned.append) as active:
        await shared(connection, 10)
        active.set_apart(["sensor_3"], apart=True)
        await until(lambda: holder_of(connection, "sensor_3"), lambda holder: holder is None)
        await until(lambda: present(orphaned[-1:]), lambda found: found == [frozenset({"sensor_3"})], seconds=10)
        looked = await beats(connection, active) + 2
        await until(lambda: looks(connection, active), lambda count: count >= looked)
        # It takes what is free of the others.
        await connection.execute("UPDATE runbell.sensors SET lease_holder = NULL WHERE sensor_name = 'sensor_4'")
        await until(lambda: looks(connection, active))
        await until(lambda: holder_of(connection, "sensor_4"))
        assert await holder_of(connection, "sensor_3") is None

        apart = frozenset({"sensor_3"})
        async with running(database_url, *TEN, role=Role.APART, only=apart) as own:
            await until(lambda: holder_of(connection, "sensor_3"), lambda holder: holder == str(own.daemon_id))
            await record(connection, "r1")
            await until(lambda: times_requested(connection, "r1"), lambda found: sum(found.values()) == 10)
            assert await shares(connection) == {str(active.daemon_id): 9, str(own.daemon_id): 1}

            own.set_apart(["sensor_3"], apart=False)
            await until(lambda: shares(connection), lambda found: found == {str(active.daemon_id): 10})


async def test_what_nobody_asked_for_is_passed_when_a_daemon_stops(database_url: str, connection: Session) -> None:
    passed = (
        "SELECT bool_and(pg_visible_in_snapshot(e.xid, s.position)) "
        "FROM runbell.sensors AS s CROSS JOIN runbell.run_events AS e"
    )
    read = (
        "SELECT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datname = current_database() AND a.state = 'idle' "
        "AND starts_with(a.query, $1) AND a.query_start > $2)"
    )
    async with running(database_url, *TEN):
        await record(connection, "r1", "STARTED")
        # Twice: who reads again has taken in what it read before.
        for _ in range(2):
            now = await connection.fetchval("SELECT clock_timestamp()")
            await connection.execute("NOTIFY runbell_events")
            await until(lambda moment=now: connection.fetchval(read, statement("read_events")[:100], moment))
        assert not await connection.fetchval(passed)

    assert await connection.fetchval(passed)


async def test_who_holds_no_sensor_is_not_woken_for_events_and_hears_them_once_it_does(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-by that woke for each event would compete with those that answer."""
    heard: list[str] = []

    def hear(_: Listener, __: object, ___: int, channel: str, ____: str) -> None:
        heard.append(channel)

    async def is_deaf() -> bool:
        """Of two rings, one for events and one for leases, is only the second heard?"""
        heard.clear()
        await connection.execute("NOTIFY runbell_events")
        await connection.execute("NOTIFY runbell_leases")
        await until(looked, lambda channels: "runbell_leases" in channels)
        return "runbell_events" not in heard

    async def looked() -> list[str]:
        return heard

    for name in ("_on_ring", "_on_leases"):
        monkeypatch.setattr(Listener, name, both(getattr(Listener, name), hear))
    async with running(database_url, *TEN, role=Role.STANDBY) as standby:
        await until(is_deaf)
        standby.promote()
        await shared(connection, 10)
        await until(is_deaf, lambda deaf: not deaf)
        await record(connection, "r")
        await until(lambda: times_requested(connection, "r"), lambda found: len(found) == 10)


def both(first: Callable[..., None], second: Callable[..., None]) -> Callable[..., None]:
    def call(*arguments: object) -> None:
        first(*arguments)
        second(*arguments)

    return call
