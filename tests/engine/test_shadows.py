"""A shadow says what would be evaluated and calls nothing, but for the sensors that an operator has started."""

import anyio
import pytest
import structlog

import runbell
from runbell.core.errors import SettingsError
from support.daemons import evaluations, record, requested_keys, running, until


def made(called, **declared):
    @runbell.run_status_sensor("SUCCESS", request_job="next", **declared)
    def chain(context):
        called.append(context.dagster_run.run_id)
        return runbell.RunRequest(run_key=context.dagster_run.run_id)

    return chain


def told(lines, outcome):
    return [line["run_id"] for line in lines if line["event"] == "sensor_evaluated" and line["outcome"] == outcome]


async def start(connection, sensor):
    """As `runbell sensors start` does."""
    await connection.execute(
        "UPDATE runbell.sensors SET state = 'running', lease_epoch = lease_epoch + 1 WHERE sensor_name = $1", sensor
    )


async def test_it_routes_and_tells_and_calls_nothing_and_passes_what_it_told(database_url, connection):
    called = []
    stopped = made(called, default_status=runbell.DefaultSensorStatus.STOPPED)
    with structlog.testing.capture_logs() as lines:
        async with running(database_url, stopped, shadow=True):
            await record(connection, "r1")
            await record(connection, "r2", "FAILURE")
            await until(lambda: seen(lines, "shadowed"), lambda runs: runs == ["r1"])

    row = await connection.fetchrow("SELECT * FROM runbell.sensors")
    assert (row["last_outcome"], row["module"]) == ("shadowed", "a_module (shadow)")
    assert (called, await requested_keys(connection), await evaluations(connection)) == ([], [], [])

    # Whoever answered these events is somebody else: without the shadow it goes on behind them.
    async with running(database_url, made(called)):
        await record(connection, "r3")
        await until(lambda: requested_keys(connection), lambda keys: keys == ["r3"])
    assert called == ["r3"]


async def seen(lines, outcome):
    return told(lines, outcome)


async def test_a_sensor_that_an_operator_starts_is_answered_and_the_others_stay_shadows(database_url, connection):
    called = []

    @runbell.run_status_sensor("SUCCESS")
    def other(context):
        raise AssertionError("called")

    with structlog.testing.capture_logs() as lines:
        async with running(database_url, made(called), other, shadow=True):
            await record(connection, "r1")
            await until(lambda: seen(lines, "shadowed"), lambda runs: runs == ["r1", "r1"])
            await start(connection, "chain")
            await connection.execute("NOTIFY runbell_leases")
            await until(lambda: active_holder(connection, "chain"))
            await record(connection, "r2")
            await until(lambda: requested_keys(connection), lambda keys: keys == ["r2"])
            await until(lambda: seen(lines, "shadowed"), lambda runs: runs == ["r1", "r1", "r2"])

    assert called == ["r2"]


async def active_holder(connection, sensor):
    """Has the lease been taken again, since the sensor was started?"""
    return await connection.fetchval("SELECT lease_epoch >= 3 FROM runbell.sensors WHERE sensor_name = $1", sensor)


async def test_what_waits_for_a_retry_goes_on_waiting(database_url, connection):
    @runbell.run_status_sensor("SUCCESS")
    def broken(context):
        raise LookupError

    async with running(database_url, broken):
        await record(connection, "r1")
        (waiting,) = await until(lambda: evaluations(connection))
    async with running(database_url, broken, shadow=True):
        await connection.execute("UPDATE runbell.evaluations SET due_at = clock_timestamp()")
        await record(connection, "r2")
        await until(
            lambda: connection.fetchval("SELECT last_outcome FROM runbell.sensors"), lambda last: last == "shadowed"
        )

    (still,) = await evaluations(connection)
    assert still["evaluation_id"] == waiting["evaluation_id"]
    assert still["state"] == "retry"


@pytest.mark.parametrize(
    ("first", "then", "sentence"),
    [
        (False, True, "sensor 'chain' is answered by a daemon that is no shadow (process "),
        (True, False, "sensor 'chain' is offered by a shadow (process "),
    ],
)
async def test_a_shadow_and_a_daemon_that_answers_never_share_sensors(database_url, first, then, sentence):
    async with running(database_url, made([]), shadow=first):
        with pytest.RaisesGroup(pytest.RaisesExc(SettingsError), flatten_subgroups=True) as caught:
            async with running(database_url, made([]), shadow=then):
                await anyio.sleep_forever()

    assert str(caught.value.exceptions[0]).startswith(sentence)
