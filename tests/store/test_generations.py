"""A sensor has one row, and the versions of it that an open transaction keeps do not slow down the next commit."""

from collections.abc import Awaitable, Callable

import anyio
import asyncpg
import pytest

from runbell.core.errors import StatementRefusedError
from runbell.core.filters import Filter
from runbell.core.leases import Role
from runbell.core.requests import Conclusion
from runbell.store.daemons import Beliefs, beat, register_daemon
from runbell.store.events import read_events
from runbell.store.sensors import Offered, deploy_sensors
from support.daemons import record, until
from support.holders import Holder

Session = asyncpg.Connection
COMMITS = 1_500
PART = 200
# Pages of the table that this session has looked at so far.
LOOKED_AT = "SELECT heap_blks_hit + heap_blks_read FROM pg_statio_user_tables WHERE relname = 'sensors'"


def offered(*names: str) -> list[Offered]:
    return [Offered(name, Filter(statuses=frozenset({"SUCCESS"})), active=True) for name in names]


async def deploying(session: Session, *names: str) -> Holder:
    """A daemon that has made these sensors known."""
    holder = Holder(session)
    holder.arrival = await register_daemon(session, holder.identity, Role.ACTIVE, locked=False)
    await deploy_sensors(session, offered(*names), holder.identity, holder.arrival)
    return holder


async def holding(session: Session) -> Holder:
    """One that holds a sensor."""
    holder = await deploying(session, "one")
    await holder.take(offered("one"), [], 1)
    return holder


async def looked_at(session: Session) -> int:
    await session.execute("SELECT pg_stat_force_next_flush()")
    return int(await session.fetchval(LOOKED_AT))


async def settle_new(holder: Holder, count: int = PART) -> None:
    """So many events, and so many commits of one evaluation each."""
    settled = holder.progress["one"].passed
    for number in range(settled, settled + count):
        await record(holder.session, f"r{number}")
    while len(holder.unfinished) < count:
        await holder.read("one", count)
    while holder.unfinished:
        holder.finish(holder.unfinished[0], Conclusion("acted"))
        planned = holder.plan(0.0, 1)
        holder.apply(planned, (await holder.settle(planned)).sensors)


async def pass_event(holder: Holder) -> None:
    """One that the sensor does not ask for: its place moves although there is nothing to evaluate."""
    progress = holder.progress["one"]
    await record(holder.session, f"passed after {progress.passed}", "FAILURE")
    # What was visible when the last read began, and then what has come since.
    for _ in range(2):
        page = await read_events(holder.session, progress.ahead, statuses=["SUCCESS"])
        assert not page.events
        progress.ahead = page.end
    await holder.move_idle()
    assert progress.place == progress.ahead


async def look(holder: Holder) -> None:
    """The slow timer."""
    believed = Beliefs(["one"], [holder.progress["one"].lease_epoch], active=[True], filter_hashes=[0])
    found = await beat(holder.session, holder.identity.daemon_id, believed, apart=False, timeout=5.0)
    assert not found.lost


@pytest.mark.parametrize("act", [settle_new, pass_event, look], ids=["a commit", "a lazy write", "a look"])
async def test_what_is_done_beside_an_open_transaction_looks_at_as_many_versions_as_ever(
    connection: Session, database_url: str, act: Callable[[Holder], Awaitable[None]]
) -> None:
    holder = await holding(connection)
    other = await asyncpg.connect(database_url)
    found = []
    async with other.transaction(isolation="repeatable_read"):
        await other.execute("SELECT pg_current_xact_id()")
        for count in (PART, COMMITS - 3 * PART):
            await settle_new(holder, count)
            before = await looked_at(connection)
            await act(holder)
            found.append(await looked_at(connection) - before)
    await other.close()

    first, last = found
    print(f"\npages looked at: {first} after {PART} commits, {last} after {COMMITS - PART} or more")
    assert 0 < last < first * 1.1 + 3


async def test_where_nothing_is_kept_the_row_stays_in_its_page_and_needs_no_entry(connection: Session) -> None:
    await settle_new(await holding(connection))

    await connection.execute("SELECT pg_stat_force_next_flush()")
    updates, in_place = await connection.fetchrow(
        "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sensors'"
    )
    print(f"\n{in_place} of {updates} new versions in place")
    assert updates >= PART
    # A key that changed with every commit would leave none there; other sessions of the server cost a few.
    assert in_place > updates / 2


async def test_i4_a_row_whose_key_somebody_has_locked_holds_up_no_other_sensor(
    connection: Session, database_url: str
) -> None:
    holder = await deploying(connection, "one", "two")
    # As if it came from another page: the commit changes its key.
    await connection.execute("UPDATE runbell.sensors SET generation = 7")
    await holder.take(offered("one", "two"), [], 2)
    await record(connection, "r")
    for name in ("one", "two"):
        await holder.read(name, 1)
    for unfinished in list(holder.unfinished):
        holder.finish(unfinished, Conclusion("acted"))
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM runbell.sensors WHERE sensor_name = 'one' FOR KEY SHARE")
        with anyio.fail_after(5):
            settled = await holder.settle(holder.plan(0.0, 10))
    await other.close()

    assert settled.sensors == {"two"}


WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


async def test_i2_of_two_daemons_that_add_a_sensor_at_once_the_second_finds_it(
    connection: Session, database_url: str
) -> None:
    first, second = await asyncpg.connect(database_url), await asyncpg.connect(database_url)
    done = anyio.Event()

    async def deploy_second() -> None:
        await deploying(second, "one", "two")
        done.set()

    async def seen() -> bool:
        return done.is_set() or await connection.fetchval(WAITING) > 0

    async with anyio.create_task_group() as tasks, first.transaction():
        await deploying(first, "one", "two")
        tasks.start_soon(deploy_second)
        await until(seen, bool)
    await first.close()
    await second.close()

    rows = await connection.fetch("SELECT sensor_name, position FROM runbell.sensors ORDER BY sensor_name")
    assert [row["sensor_name"] for row in rows] == ["one", "two"]
    assert all(row["position"] is not None for row in rows)


async def test_i2_nobody_deploys_with_a_snapshot_of_before(connection: Session) -> None:
    holder = Holder(connection)
    with pytest.raises(StatementRefusedError, match="in another level a sensor could get two rows"):
        async with connection.transaction(isolation="repeatable_read"):
            await deploy_sensors(connection, offered("one"), holder.identity, 1)


async def test_who_adds_no_sensor_waits_for_nobody_who_does(connection: Session, database_url: str) -> None:
    holder = await deploying(connection, "one")
    adding = await asyncpg.connect(database_url)
    async with adding.transaction():
        await deploy_sensors(adding, offered("two"), holder.identity, holder.arrival)
        with anyio.fail_after(5):
            await deploy_sensors(connection, offered("one"), holder.identity, holder.arrival)
    await adding.close()


INSERTED = """
    INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, generation)
    SELECT 'one', module, declared_active, filter, filter_hash, 7 FROM runbell.sensors
"""
RENAMED = "UPDATE runbell.sensors SET sensor_name = 'one', generation = 7 WHERE sensor_name = 'two'"


@pytest.mark.parametrize("statement", [INSERTED, RENAMED], ids=["inserted", "renamed"])
async def test_i2_nobody_gives_a_sensor_a_second_row_by_hand(connection: Session, statement: str) -> None:
    await deploying(connection, "one", "two")

    with pytest.raises(asyncpg.UniqueViolationError, match=r"\(one, 0\) already exists|sensors_pkey"):
        await connection.execute(statement)
