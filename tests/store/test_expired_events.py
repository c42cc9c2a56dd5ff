"""What stopped sensors lose to its age: it is counted, whole and once, however many they are."""

import json

import pytest

from runbell.core.filters import Filter
from runbell.core.narrowing import Narrowing, TagPattern
from runbell.store import retention
from runbell.store.connections import connect_pool
from runbell.store.statements import statement
from support.old_rows import FILTER, left, remove


async def test_a_stopped_sensor_holds_until_its_age_and_then_loses_what_it_asked_for(connection, place, old):
    await place.add("stopped", state="stopped")
    await old("a")
    await old("b", hours=48)
    await old("c", "FAILURE", hours=48)
    await place.add("s")

    _, lost = await remove(connection)

    assert await left(connection) == ["a"]
    assert lost == {"stopped": 1}
    assert await connection.fetchval("SELECT expired_events FROM runbell.sensors WHERE sensor_name = 'stopped'") == 1


async def test_what_is_counted_as_lost_is_what_each_stopped_sensor_asked_for_beyond_its_place(connection, place, old):
    narrowed = Filter(frozenset({"SUCCESS"}), narrowing=Narrowing(tags=(TagPattern("team", ("data",)),)))
    for moment in ("before", "between", "after"):
        await place.add(moment, state="stopped")
        await place.add(f"{moment}, narrowed", state="stopped")
        await connection.execute(
            "UPDATE runbell.sensors SET filter = $1 WHERE sensor_name LIKE '%narrowed'", json.dumps(narrowed.to_dict())
        )
        if moment != "after":
            await old(f"a {moment}", hours=48, tags='{"team": "data", "run": "a"}')
            await old(f"b {moment}", hours=48, tags='{"team": "web", "run": "b"}')
            await old(f"c {moment}", "FAILURE", hours=48, tags='{"team": "data"}')

    _, lost = await remove(connection)

    assert await left(connection) == []
    assert lost == {"before": 4, "between": 2, "before, narrowed": 2, "between, narrowed": 1}


@pytest.mark.parametrize(("filter_", "most"), [({}, 1 + 2 + 1), ({"tags": [["run", ["7"], True]]}, 1 + 1000 + 1)])
async def test_many_stopped_sensors_are_told_of_in_few_rows(connection, filter_, most):
    stored = json.dumps(json.loads(FILTER) | filter_)
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, state, declared_active, filter, filter_hash, position) "
        "SELECT 's' || n, 'm', 'stopped', true, $1, 1, pg_current_snapshot() FROM generate_series(1, 1000) AS n",
        stored,
    )
    await connection.execute("""
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status, tags, recorded_at)
        SELECT 'sql', n, 'job-' || n % 2, 'SUCCESS', 'SUCCESS', jsonb_build_object('run', n::text),
            clock_timestamp() - interval '2 days'
        FROM generate_series(1, 1000) AS n
    """)

    rows = await connection.fetch(statement("expire_events"), 0, 0, 1.0, 86_400.0, 1000)

    assert rows[-1]["removed"] == 1000
    assert len(rows) <= most


@pytest.mark.parametrize("pooled", [True, False])
async def test_events_are_not_gone_before_it_is_kept_who_lost_them(
    database_url, connection, place, old, monkeypatch, pooled
):
    await place.add("stopped", state="stopped")
    await old("b", hours=48)
    session = await connect_pool(database_url, role="test", size=1) if pooled else connection

    async def end(*_):
        raise EOFError

    with monkeypatch.context() as ending:
        ending.setattr(retention, "add_expired_events", end)
        with pytest.raises(EOFError):
            await remove(session, kinds=("events",))
    assert await left(connection) == ["b"]
    await remove(session, kinds=("events",))
    if pooled:
        await session.close()

    assert await left(connection) == []
    assert await connection.fetchval("SELECT expired_events FROM runbell.sensors") == 1
