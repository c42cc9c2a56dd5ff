"""What the settling statement does of all that it can do."""

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
