"""Whoever locks the rows of several sensors takes them in the order of their names, wherever they lie: no deadlocks."""

from collections.abc import Awaitable, Callable

import anyio
import asyncpg
import pytest

from runbell.core.filters import Filter
from runbell.core.leases import Role
from runbell.store.daemons import register_daemon
from runbell.store.retention import add_expired_events
from runbell.store.sensors import (
    Offered,
    change_sensor_states,
    deploy_sensors,
    release_leases,
    set_apart,
    take_leases,
)
from support.daemons import until
from support.holders import Holder

Session = asyncpg.Connection
NAMES = ["one", "two"]
OFFERED = [Offered(name, Filter(statuses=frozenset({"SUCCESS"})), active=True) for name in NAMES]
ASKED = "SELECT FROM runbell.sensors WHERE sensor_name = $1 FOR UPDATE NOWAIT"


async def deploy(holder: Holder) -> None:
    await deploy_sensors(holder.session, OFFERED, holder.identity, holder.arrival)


async def take(holder: Holder) -> None:
    hashes = {one.sensor_name: one.filter_hash for one in OFFERED}
    await take_leases(holder.session, holder.identity.daemon_id, hashes, count=2)


async def release(holder: Holder) -> None:
    await release_leases(holder.session, holder.identity.daemon_id, NAMES)


async def keep_apart(holder: Holder) -> None:
    await set_apart(holder.session, NAMES, apart=True)


async def stop(holder: Holder) -> None:
    await change_sensor_states(holder.session, NAMES, "stopped")


async def expire(holder: Holder) -> None:
    await add_expired_events(holder.session, {"two": 1, "one": 1})


@pytest.mark.parametrize("act", [deploy, take, release, keep_apart, stop, expire])
async def test_who_waits_for_a_sensors_row_holds_none_that_comes_later(
    connection: Session, database_url: str, act: Callable[[Holder], Awaitable[None]]
) -> None:
    holder = Holder(connection)
    holder.arrival = await register_daemon(connection, holder.identity, Role.ACTIVE, locked=False)
    await deploy(holder)
    await holder.take(OFFERED, [], 2)
    # From here on `one` lies behind `two`.
    await connection.execute("UPDATE runbell.sensors SET last_outcome = 'acted' WHERE sensor_name = 'one'")
    # So that the planner knows how small the table is, and reads it as it lies.
    await connection.execute("ANALYZE runbell.sensors")
    other = await asyncpg.connect(database_url)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

    async with anyio.create_task_group() as tasks, other.transaction():
        await other.execute(ASKED, "one")
        tasks.start_soon(act, holder)
        await until(lambda: other.fetchval(waits))
        await other.execute(ASKED, "two")
    await other.close()
