"""Two versions of one module hand over cleanly: what a changed filter asks for is neither passed by nor lost."""

import asyncpg
from structlog.testing import capture_logs

from runbell.core.leases import Role
from runbell.store.overview import read_sensor_states
from support.daemons import record, running, until
from support.sharing import answering, beats, cut, holder_of, looks, present, shared, times_requested

Session = asyncpg.Connection


async def test_i1_a_rolling_deploy_moves_a_changed_sensor_to_the_new_version_and_loses_nothing(
    database_url: str, connection: Session
) -> None:
    """The old version, still alive, would pass by what only the new filter asks for."""
    old, new = answering("changed", status="SUCCESS"), answering("changed", status="FAILURE")
    same = answering("same")
    async with running(database_url, old, same, answering("gone")) as before:
        await shared(connection, 3)
        async with running(database_url, new, same) as after:
            await until(lambda: holder_of(connection, "changed"), lambda holder: holder == str(after.daemon_id))
            await record(connection, "failed", "FAILURE")
            await until(lambda: times_requested(connection, "failed"), lambda found: found == {"changed": 1})
            await record(connection, "fine", "SUCCESS")
            await until(lambda: times_requested(connection, "fine"), lambda found: found == {"same": 1, "gone": 1})
            assert await holder_of(connection, "gone") == str(before.daemon_id)


async def test_i1_an_old_version_leaves_a_changed_sensor_alone_also_while_nobody_else_holds_it(
    database_url: str, connection: Session
) -> None:
    old, new = answering("changed", status="SUCCESS"), answering("changed", status="FAILURE")
    same = answering("same")
    epoch = "SELECT lease_epoch FROM runbell.sensors WHERE sensor_name = 'changed'"
    async with running(database_url, old, same) as before:
        held_under = await connection.fetchval(epoch)
        async with running(database_url, new, same, role=Role.STANDBY) as after:
            # Fenced off in the statement that deployed the other filter, before the old version has noticed.
            assert await connection.fetchval(epoch) == held_under + 1
            # It takes what is free of the others.
            await connection.execute("UPDATE runbell.sensors SET lease_holder = NULL WHERE sensor_name = 'same'")
            looked = await beats(connection, before) + 2
            await until(lambda: looks(connection, before), lambda count: count >= looked)
            assert await holder_of(connection, "same") == str(before.daemon_id)
            assert await holder_of(connection, "changed") is None
            await record(connection, "failed", "FAILURE")
            await record(connection, "fine", "SUCCESS")
            after.promote()
            await until(lambda: times_requested(connection, "failed"), lambda found: found == {"changed": 1})
            await until(lambda: times_requested(connection, "fine"), lambda found: found == {"same": 1})


async def test_what_the_database_says_of_a_lease_is_obeyed(database_url: str, connection: Session) -> None:
    with capture_logs() as logs:

        async def logged(event: str, times: int) -> None:
            await until(lambda: looks(connection, daemon), lambda _: sum(e["event"] == event for e in logs) == times)

        async with running(database_url, answering("one")) as daemon:
            await connection.execute("UPDATE runbell.sensors SET lease_epoch = lease_epoch + 1")
            await logged("lease_lost", 1)
            await logged("lease_taken", 2)
            await connection.execute("UPDATE runbell.sensors SET apart = true")
            await logged("lease_lost", 2)
            await connection.execute("UPDATE runbell.sensors SET apart = false")
            await logged("lease_taken", 3)
            await record(connection, "r1")
            await until(lambda: times_requested(connection, "r1"), lambda found: found == {"one": 1})


async def test_an_old_version_that_reconnects_does_not_take_its_filter_back(
    database_url: str, connection: Session
) -> None:
    old, new = answering("changed", status="SUCCESS"), answering("changed", status="FAILURE")
    with capture_logs() as logs:
        async with running(database_url, old) as before, running(database_url, new) as after:
            await until(lambda: holder_of(connection, "changed"), lambda holder: holder == str(after.daemon_id))
            await cut(connection, before)
            await until(lambda: present([e for e in logs if e["event"] == "listener_reconnected"]))
            await record(connection, "failed", "FAILURE")
            await until(lambda: times_requested(connection, "failed"), lambda found: found == {"changed": 1})
            assert await holder_of(connection, "changed") == str(after.daemon_id)


async def test_when_the_new_version_is_gone_the_old_one_that_still_runs_is_in_force_again(
    database_url: str, connection: Session
) -> None:
    old, new = answering("changed", status="SUCCESS"), answering("changed", status="FAILURE")
    async with running(database_url, old) as before:
        async with running(database_url, new) as after:
            await until(lambda: holder_of(connection, "changed"), lambda holder: holder == str(after.daemon_id))
        await until(lambda: holder_of(connection, "changed"), lambda holder: holder == str(before.daemon_id))
        await record(connection, "fine", "SUCCESS")
        await until(lambda: times_requested(connection, "fine"), lambda found: found == {"changed": 1})


async def orphans(session: Session) -> set[str]:
    return {state.sensor_name for state in await read_sensor_states(session) if state.orphaned}


async def test_a_sensor_that_its_module_no_longer_has_is_an_orphan_and_keeps_its_place(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, answering("kept"), answering("gone")):
        assert await orphans(connection) == set()
    # Nobody runs: that says nothing about the code.
    assert await orphans(connection) == set()
    place = "SELECT position::text FROM runbell.sensors WHERE sensor_name = 'gone'"
    before = await connection.fetchval(place)

    async with running(database_url, answering("kept")):
        assert await orphans(connection) == {"gone"}
        await record(connection, "meanwhile")
        await until(lambda: times_requested(connection, "meanwhile"), lambda found: found == {"kept": 1})
        assert await connection.fetchval(place) == before

    async with running(database_url, answering("kept"), answering("gone")):
        assert await orphans(connection) == set()
        await until(lambda: times_requested(connection, "meanwhile"), lambda found: found == {"kept": 1, "gone": 1})
