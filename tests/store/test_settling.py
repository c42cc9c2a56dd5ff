"""What the settling statements do of all that they can do: one sensor alone, and several in one statement."""

import asyncpg
import pytest

from runbell.core.filters import Filter
from runbell.core.leases import Role
from runbell.core.requests import Conclusion, RequestDraft
from runbell.store.daemons import register_daemon
from runbell.store.sensors import Offered, deploy_sensors
from support.daemons import evaluations, record
from support.holders import Holder

OFFERED = [Offered("one", Filter(statuses=frozenset({"SUCCESS"})), active=True)]
THREE = [Offered(name, Filter(statuses=frozenset({"SUCCESS"})), active=True) for name in ("alone", "beside", "other")]
FULL = RequestDraft(
    "b_job",
    run_key="k",
    partition_key="2026-03-01",
    code_location="loc",
    asset_selection='["a"]',
    run_config='{"ops": 1}',
    tags='{"t": "1"}',
    key_policy="until_success",
    key_seconds=60.0,
)
ANSWERS = {
    "acts": Conclusion("acted"),
    "skips": Conclusion("skipped", reason="nothing to do"),
    "asks": Conclusion("requested", (RequestDraft("a_job"),)),
    "asks for several": Conclusion("requested", (RequestDraft("a_job"), FULL, RequestDraft("c_job", run_key="k"))),
    "fails": Conclusion("failed", error="again"),
}
# What a sensor's settlement leaves behind, but for ids and times.
LEFT = {
    "run_requests": "event_id, replay, ordinal, target, job_name, code_location, run_key, partition_key, "
    "asset_selection, run_config, tags, state",
    "run_keys": "run_key, policy, expires_at > clock_timestamp()",
    "ticks": "first_event_id, last_event_id, requested, acted, skipped, failed, details",
    "evaluations": "event_id, state, attempts, error",
    "sensors": "upper::text, last_xid::text, last_event_id, last_outcome, last_evaluated_at IS NULL",
}


async def holding(connection, offered=OFFERED, events=1):
    """A daemon that holds the sensors and has read some events."""
    holder = Holder(connection)
    holder.arrival = await register_daemon(connection, holder.identity, Role.ACTIVE, locked=False)
    await deploy_sensors(connection, offered, holder.identity, holder.arrival)
    await holder.take(offered, [], len(offered))
    for number in range(events):
        await record(connection, f"run-{number}")
    for one in offered:
        await holder.read(one.sensor_name, 10)
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


@pytest.mark.parametrize("answers", [[name] for name in ANSWERS] + [["acts", "asks for several", "skips"]], ids=str)
async def test_a_sensor_that_is_settled_alone_and_one_beside_another_come_to_the_same(connection, answers):
    holder = await holding(connection, THREE, events=len(answers))
    for sensor in THREE:
        unfinished = [one for one in holder.unfinished if one[0] == sensor.sensor_name]
        for one, answer in zip(unfinished, answers, strict=True):
            holder.finish(one, ANSWERS[answer])
    planned = {settlement.sensor_name: settlement for settlement in holder.plan(0.0, 10)}

    alone = await holder.settle([planned["alone"]])
    beside = await holder.settle([planned["beside"], planned["other"]])

    assert (alone.sensors, beside.sensors) == ({"alone"}, {"beside", "other"})
    assert await left_by(connection, "alone") == await left_by(connection, "beside")
    assert asked_by(alone, "alone") == asked_by(beside, "beside")
    moved = await connection.fetch("SELECT sensor_name, position::text FROM runbell.sensors")
    assert dict(moved) == {name: str(one.new_place.position) for name, one in planned.items()}


async def test_a_run_key_that_is_taken_or_free_again_is_treated_alike(connection):
    asks = Conclusion("requested", (RequestDraft("a_job", run_key="k", key_policy="until_success", key_seconds=60.0),))
    holder = await holding(connection, THREE, events=3)
    for one in list(holder.unfinished):
        holder.finish(one, asks)
    made: dict[str, list[int]] = {"alone": [], "beside": []}
    for number in range(3):
        if number == 2:
            await connection.execute("UPDATE runbell.run_keys SET expires_at = clock_timestamp() - interval '1 s'")
        planned = {settlement.sensor_name: settlement for settlement in holder.plan(0.0, 1)}
        for names in (["alone"], ["beside", "other"]):
            part = [planned[name] for name in names]
            settled = await holder.settle(part)
            holder.apply(part, settled.sensors)
            made[names[0]].append(len(asked_by(settled, names[0])))

    assert made == {"alone": [1, 0, 1], "beside": [1, 0, 1]}


@pytest.mark.parametrize("answer", ["acts", "asks"])
@pytest.mark.parametrize("together", [False, True], ids=["alone", "beside another"])
@pytest.mark.parametrize(
    "change",
    ["lease_epoch = lease_epoch + 1", "position = '1:1:'", "upper = position, last_xid = '1', last_event_id = 1"],
)
async def test_i6_a_settlement_of_another_epoch_or_place_takes_no_effect(connection, change, together, answer):
    planned, holder = await planned_of_two(connection, answer)
    await connection.execute(f"UPDATE runbell.sensors SET {change} WHERE sensor_name = 'alone'")
    before = await left_by(connection, "alone")

    settled = await holder.settle(planned if together else planned[:1])

    assert settled.sensors == ({"beside"} if together else set())
    assert await left_by(connection, "alone") == before


@pytest.mark.parametrize("together", [False, True], ids=["alone", "beside another"])
async def test_i4_a_settlement_waits_for_nobody_who_has_the_row_locked(connection, database_url, together):
    planned, holder = await planned_of_two(connection, "asks")
    other = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM runbell.sensors WHERE sensor_name = 'alone' FOR UPDATE")
        await connection.execute("SET lock_timeout = '1s'")
        settled = await holder.settle(planned if together else planned[:1])
    await other.close()

    assert settled.sensors == ({"beside"} if together else set())


@pytest.mark.parametrize("together", [False, True], ids=["alone", "beside another"])
async def test_i2_what_an_event_has_requested_once_is_not_requested_again(connection, together):
    planned, holder = await planned_of_two(connection, "asks for several")
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) "
        "SELECT 'alone', event_id, 7, source, 'before' FROM runbell.run_events"
    )
    settled = await holder.settle(planned if together else planned[:1])

    assert "alone" in settled.sensors
    rows = await connection.fetch("SELECT job_name FROM runbell.run_requests WHERE sensor_name = 'alone'")
    assert [row["job_name"] for row in rows] == ["before"]


async def left_by(connection, name):
    """What a sensor has left behind, by table, in the order in which it was written."""
    return {
        table: await connection.fetch(
            f"SELECT {columns} FROM runbell.{table} WHERE sensor_name = $1 ORDER BY ctid", name
        )
        for table, columns in LEFT.items()
    }


def asked_by(settled, name):
    """How many requests a sensor has made, by event."""
    return {event_id: len(ids) for (of, event_id, _), ids in settled.requests.items() if of == name}


async def planned_of_two(connection, answer):
    """The settlements of two sensors, `alone` the first, and who has planned them."""
    holder = await holding(connection, THREE[:2])
    for one in list(holder.unfinished):
        holder.finish(one, ANSWERS[answer])
    return sorted(holder.plan(0.0, 10), key=lambda settlement: settlement.sensor_name), holder
