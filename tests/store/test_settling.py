"""What the settling statement does of all that it can do."""

from dataclasses import replace

from runbell.core.filters import Filter
from runbell.core.leases import Role
from runbell.core.requests import Conclusion, RequestDraft
from runbell.store.daemons import register_daemon
from runbell.store.sensors import Offered, deploy_sensors
from support.daemons import evaluations, record
from support.holders import Holder

OFFERED = [Offered("one", Filter(statuses=frozenset({"SUCCESS"})), active=True)]


async def holding(connection):
    """A daemon that holds the sensor and has read one event."""
    holder = Holder(connection)
    holder.arrival = await register_daemon(connection, holder.identity, Role.ACTIVE, locked=False)
    await deploy_sensors(connection, OFFERED, holder.identity, holder.arrival)
    await holder.take(OFFERED, [], 1)
    await record(connection, "a-run")
    await holder.read("one", 10)
    return holder


async def settled_with_calls(connection, conclusion):
    """What was settled of one evaluation, and how often the statement called the function for rows in evaluations."""
    holder = await holding(connection)
    holder.finish(*holder.unfinished, conclusion)
    planned = holder.plan(0.0, 10)
    async with connection.transaction():
        await connection.execute("SET LOCAL track_functions = 'all'")
        settled = await holder.settle(planned)
        calls = await connection.fetchval(
            "SELECT calls FROM pg_stat_xact_user_functions WHERE funcname = 'settle_evaluations'"
        )
    return settled, calls or 0


async def test_rows_of_evaluations_are_asked_for_by_commits_that_have_any(connection):
    settled, calls = await settled_with_calls(connection, Conclusion("failed", error="again"))

    assert (settled.sensors, calls) == ({"one"}, 1)
    assert [row["state"] for row in await evaluations(connection)] == ["retry"]


async def test_others_do_not_pay_for_it(connection):
    settled, calls = await settled_with_calls(connection, Conclusion("requested", (RequestDraft("a_job"),)))

    assert (settled.sensors, calls) == ({"one"}, 0)
    assert [len(ids) for ids in settled.requests.values()] == [1]


async def test_what_the_first_of_many_requests_leaves_out_the_others_keep(connection):
    drafts = (
        RequestDraft("a_job"),
        RequestDraft("b_job", run_key="k", partition_key="2026-03-01", code_location="loc"),
    )
    await settled_with_calls(connection, Conclusion("requested", drafts))

    rows = await connection.fetch(
        "SELECT job_name, run_key, partition_key, code_location FROM runbell.run_requests ORDER BY request_id"
    )
    assert [tuple(row) for row in rows] == [("a_job", None, None, None), ("b_job", "k", "2026-03-01", "loc")]


LOOKUPS = "SELECT idx_scan + seq_scan FROM pg_stat_xact_user_tables WHERE relid = 'runbell.sensors'::regclass"


async def test_a_sensor_is_looked_for_where_its_last_commit_left_it(connection):
    """Beside an old snapshot its name would lead to every version of its row."""
    holder = await holding(connection)
    lookups = []
    for run_id in ("second", "third"):
        await record(connection, run_id)
        await holder.read("one", 10)
        for key in list(holder.unfinished):
            holder.finish(key, Conclusion("requested", (RequestDraft("a_job"),)))
        planned = holder.plan(0.0, 10)
        async with connection.transaction():
            before = await connection.fetchval(LOOKUPS)
            holder.apply(planned, (await holder.settle(planned)).addresses)
            lookups.append(await connection.fetchval(LOOKUPS) - before)

    assert lookups == [1, 0]


async def finds_nothing_at(connection, address, holder):
    """Nothing is settled for a sensor that is looked for there, and all is when it is looked for by name."""
    holder.finish(*holder.unfinished, Conclusion("requested", (RequestDraft("a_job"),)))
    (planned,) = holder.plan(0.0, 10)

    assert not (await holder.settle([replace(planned, address=address)])).sensors
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_requests") == 0
    assert await connection.fetchval("SELECT count(*) FROM runbell.ticks") == 0
    assert (await holder.settle([planned])).sensors == {"one"}


ADDRESS = "SELECT ctid::text FROM runbell.sensors WHERE sensor_name = $1"


async def test_nothing_is_settled_for_a_sensor_whose_row_somebody_has_changed(connection):
    holder = await holding(connection)
    address = await connection.fetchval(ADDRESS, "one")
    await connection.execute("UPDATE runbell.sensors SET apart = NOT apart")

    await finds_nothing_at(connection, address, holder)


async def test_nothing_is_settled_for_a_sensor_where_the_row_of_another_one_lies(connection):
    holder = await holding(connection)
    other = Offered("other", OFFERED[0].filter, active=True)
    await deploy_sensors(connection, [*OFFERED, other], holder.identity, holder.arrival)
    await connection.execute(
        "UPDATE runbell.sensors AS o SET lease_epoch = s.lease_epoch, position = s.position"
        " FROM runbell.sensors AS s WHERE o.sensor_name = 'other' AND s.sensor_name = 'one'"
    )

    await finds_nothing_at(connection, await connection.fetchval(ADDRESS, "other"), holder)
