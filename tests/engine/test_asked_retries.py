"""What an author says about trying again: policies, `raise Retry`, `raise GiveUp`; over restarts and take-overs too."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta

import anyio
import asyncpg
import pytest
from structlog.testing import capture_logs

from runbell import (
    GiveUp,
    Retry,
    RetryPolicy,
    RunRequest,
    RunStatusSensorContext,
    Sensor,
    SensorResult,
    run_status_sensor,
)
from runbell.core import portions
from runbell.engine import retries
from runbell.store.connections import Pool
from runbell.store.evaluations import WaitingEvaluation, read_events_by_id
from runbell.store.sensors import change_sensor_states
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


async def dead(session: Session) -> asyncpg.Record:
    """The only evaluation, once it is a dead letter."""
    rows = await until(lambda: evaluations(session), lambda rows: [row["state"] for row in rows] == ["dead"])
    return rows[0]


async def test_retry_waits_as_long_as_it_says_and_is_no_traceback(database_url: str, connection: Session) -> None:
    keys: list[str] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def patient(context: RunStatusSensorContext) -> RunRequest:
        keys.append(context.idempotency_key)
        if len(keys) < 3:
            raise Retry(after=timedelta(seconds=0.2), reason="the report is not written yet")
        return RunRequest(run_key="done")

    with capture_logs() as logs:
        # With a backoff of an hour only what the sensor itself asks for can bring it back.
        async with running(database_url, patient, retry_backoff_seconds=3600.0):
            await record(connection, "r1")
            await until(lambda: requested_keys(connection), ["done"].__eq__)

    told = [line for line in logs if line["event"] == "sensor_evaluated"]
    assert [line["outcome"] for line in told] == ["failed", "failed", "requested"]
    assert (told[0]["reason"], told[0]["retry_in"]) == ("the report is not written yet", 0.2)
    assert told[0]["error"] == "Retry: the report is not written yet"
    assert [line["attempts"] for line in told[:2]] == [1, 2]
    assert len(set(keys)) == 1


def raised_by_kind() -> dict[str, Sensor]:
    """Each kind of function, giving up midway."""

    @run_status_sensor("SUCCESS", name="plain")
    def plain() -> None:
        raise GiveUp("the customer is gone")

    @run_status_sensor("SUCCESS", name="generator", request_job="j")
    def generator() -> Iterator[RunRequest]:
        yield RunRequest(run_key="never kept")
        raise GiveUp("the customer is gone")

    @run_status_sensor("SUCCESS", name="asynchronous")
    async def asynchronous() -> None:
        raise GiveUp("the customer is gone")

    @run_status_sensor("SUCCESS", name="async_generator", request_job="j")
    async def async_generator() -> AsyncIterator[RunRequest]:
        yield RunRequest(run_key="never kept")
        raise GiveUp("the customer is gone") from ConnectionError("a cause")

    return {sensor.name: sensor for sensor in (plain, generator, asynchronous, async_generator)}


@pytest.mark.parametrize("kind", raised_by_kind())
async def test_giving_up_is_a_dead_letter_at_once(database_url: str, connection: Session, kind: str) -> None:
    with capture_logs() as logs:
        async with running(database_url, raised_by_kind()[kind]):
            await record(connection, "r1")
            row = await dead(connection)

    assert (row["attempts"], row["error"]) == (1, "GiveUp: the customer is gone")
    assert await requested_keys(connection) == []
    (added,) = [line for line in logs if line["event"] == "dead_letter_added"]
    assert (added["error"], added["attempts"]) == ("GiveUp: the customer is gone", 1)


async def test_retry_counts_as_an_attempt(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", retry=RetryPolicy(attempts=3))
    async def never_ready() -> None:
        raise Retry(after=0)

    async with running(database_url, never_ready):
        await record(connection, "r1")
        row = await dead(connection)

    assert (row["attempts"], row["error"]) == (3, "Retry: no reason given")


async def test_a_wait_that_makes_no_sense_says_so_and_is_called_again(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", retry=RetryPolicy(attempts=2, backoff_seconds=0))
    def confused() -> None:
        raise Retry(after=float("nan"))

    async with running(database_url, confused):
        await record(connection, "r1")
        row = await dead(connection)

    assert row["attempts"] == 2
    assert "Retry(after=nan): after is no time to wait: give seconds or a timedelta" in row["error"]


async def test_each_sensor_has_its_own_policy(database_url: str, connection: Session) -> None:
    @run_status_sensor(
        run_status="SUCCESS", name="stubborn", retry=RetryPolicy(attempts=5, backoff_seconds=0, jitter=0)
    )
    async def stubborn() -> None:
        raise OSError("no")

    @run_status_sensor(run_status="SUCCESS", name="aged", retry=RetryPolicy(backoff_seconds=60, max_age_seconds=30))
    def aged() -> None:
        raise OSError("no")

    async with running(database_url, stubborn, aged, retry_attempts=9):
        await record(connection, "r1")
        rows = await until(
            lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead", "dead"]
        )

    assert {row["sensor_name"]: row["attempts"] for row in rows} == {"stubborn": 5, "aged": 1}


async def test_age_counts_from_the_first_call_also_over_a_restart(database_url: str, connection: Session) -> None:
    policy = RetryPolicy(backoff_seconds=0.3, factor=1, jitter=0, max_age_seconds=300)

    @run_status_sensor(run_status="SUCCESS", retry=policy)
    async def broken() -> None:
        raise OSError("no")

    async with running(database_url, broken):
        await record(connection, "r1")
        await until(lambda: evaluations(connection), bool)
    # As after a long stop: it is called once more, however late, and no more after that.
    await connection.execute("UPDATE runbell.evaluations SET created_at = created_at - interval '1 hour'")
    before = (await evaluations(connection))[0]["attempts"]
    async with running(database_url, broken):
        row = await dead(connection)

    assert row["attempts"] == before + 1


async def test_i3_a_retry_survives_a_restart_and_moves_to_another_replica(
    database_url: str, connection: Session
) -> None:
    calls: list[str] = []
    ready = False

    @run_status_sensor(run_status="SUCCESS", request_job="j", retry=RetryPolicy(attempts=3))
    async def waits(context: RunStatusSensorContext) -> RunRequest:
        calls.append(context.idempotency_key)
        if not ready:
            raise Retry(after=0.5, reason="not yet")
        return RunRequest(run_key="done")

    async with running(database_url, waits) as first:
        await record(connection, "r1")
        await until(lambda: evaluations(connection), lambda rows: [row["attempts"] for row in rows] == [1])
        # The second daemon is there before the first one leaves, and calls what the first one left.
        async with running(database_url, waits):
            first.stop()
            ready = True
            await until(lambda: requested_keys(connection), ["done"].__eq__)
            await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert len(calls) == 2
    assert len(set(calls)) == 1


async def test_i3_attempts_go_on_counting_after_a_restart(database_url: str, connection: Session) -> None:
    calls = 0

    @run_status_sensor(run_status="SUCCESS", retry=RetryPolicy(attempts=3))
    async def hopeless() -> None:
        nonlocal calls
        calls += 1
        raise Retry(after=0.3)

    async with running(database_url, hopeless):
        await record(connection, "r1")
        await until(lambda: evaluations(connection), bool)
    async with running(database_url, hopeless):
        row = await dead(connection)

    assert (row["attempts"], calls) == (3, 3)


async def make_due(session: Session, sensor_name: str, count: int, *, replay: int = 0, size: int = 0) -> None:
    """Retries of a sensor whose time came an hour ago, of events of so many bytes."""
    await session.execute(
        """
        WITH recorded AS (
            SELECT runbell.record_run_status(
                $1 || n, 'job', 'SUCCESS', run_config => jsonb_build_object('more', repeat('x', $4::integer))
            ) AS event_id
            FROM generate_series(1, $2) AS n
        )
        INSERT INTO runbell.evaluations (sensor_name, event_id, replay, state, attempts, due_at)
        SELECT $1, event_id, $3, 'retry', 1, clock_timestamp() - interval '1 hour' FROM recorded
        """,
        sensor_name,
        count,
        replay,
        size,
    )


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The evaluations whose events were read for another call."""
    ids_read: list[int] = []

    async def counted(pool: Pool, ids: Sequence[int]) -> list[WaitingEvaluation]:
        ids_read.extend(ids)
        return await read_events_by_id(pool, ids)

    monkeypatch.setattr(retries, "read_events_by_id", counted)
    return ids_read


def swamped(name: str) -> Sensor:
    return run_status_sensor("SUCCESS", name=name, max_per_minute=1)(lambda: None)


# Many of one sensor, and of many sensors together.
@pytest.mark.parametrize("counts", [[2500], [6, 6, 6]])
async def test_i4_sensors_with_more_due_than_they_can_call_hold_up_no_retry_of_another(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch, handed: list[int], counts: list[int]
) -> None:
    if len(counts) > 1:
        monkeypatch.setattr(retries, "MOST_AT_ONCE", 10)

    @run_status_sensor(run_status="FAILURE", name="quick", request_job="j")
    async def quick(context: RunStatusSensorContext) -> RunRequest:
        if not handed_to_quick:
            handed_to_quick.append(True)
            raise Retry(after=0.1)
        return RunRequest(run_key="done")

    handed_to_quick: list[bool] = []
    many = [swamped(f"swamped_{number}") for number in range(len(counts))]
    for sensor, count in zip(many, counts, strict=True):
        await make_due(connection, sensor.name, count)
    async with running(database_url, *many, quick):
        await record(connection, "r1", "FAILURE")
        await until(lambda: requested_keys(connection), ["done"].__eq__, seconds=10)

    # Nor are they all held in memory.
    assert len(handed) <= 1501


@pytest.fixture
def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten events of 4,000 bytes are as much as there may be of all sensors, and seven of one."""
    monkeypatch.setattr(portions, "MOST_BYTES", 28_500)
    monkeypatch.setattr(portions, "MOST_RETRIED_BYTES", 40_000)
    monkeypatch.setattr(retries, "FIRST_EVENTS", 4)


# What was read before it was known how much it weighs, and one page, come on top.
@pytest.mark.parametrize(("sensors", "most"), [(1, 7 + 7), (20, 10 + 7 + 20)])
async def test_of_large_events_few_are_read_at_once_however_many_are_due(
    database_url: str, connection: Session, handed: list[int], bounded: None, sensors: int, most: int
) -> None:
    @run_status_sensor(run_status="FAILURE", name="quick", request_job="j")
    async def quick(context: RunStatusSensorContext) -> RunRequest:
        if context.idempotency_key not in called:
            called.add(context.idempotency_key)
            raise Retry(after=0.1)
        return RunRequest(run_key="done")

    called: set[str] = set()
    many = [swamped(f"swamped_{number}") for number in range(sensors)]
    for sensor in many:
        await make_due(connection, sensor.name, 200 // sensors, size=2_900)
    async with running(database_url, *many, quick):
        await record(connection, "r1", "FAILURE")
        await until(lambda: requested_keys(connection), ["done"].__eq__, seconds=10)

    # Each of the many calls one and settles it, and the quick one had to be read again.
    print(f"\n{len(handed) - sensors - 1} of 200 in hand")
    assert 0 < len(handed) - sensors - 1 <= most


@pytest.mark.parametrize("size", [0, 2_900])
async def test_all_that_is_due_is_called_however_much_it_is(
    database_url: str, connection: Session, bounded: None, size: int
) -> None:
    @run_status_sensor(run_status="SUCCESS", name="swamped")
    async def swamped() -> None:
        """Has much to do."""

    count = 2500 if size == 0 else 100
    await make_due(connection, "swamped", count, size=size)
    async with running(database_url, swamped):
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.evaluations"), (0).__eq__)


async def test_a_retry_whose_event_is_gone_takes_no_room(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "MOST_RETRIED_OF_ONE", 1)

    @run_status_sensor(run_status="SUCCESS", name="due", request_job="j")
    async def due(context: RunStatusSensorContext) -> RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    await make_due(connection, "due", 2)
    await connection.execute("DELETE FROM runbell.run_events WHERE run_id = 'due1'")
    async with running(database_url, due):
        await until(lambda: requested_keys(connection), ["due2"].__eq__)


async def test_i3_what_is_being_read_when_the_lease_is_taken_anew_is_called_once(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, taken = anyio.Event(), anyio.Event()

    async def held_up(pool: Pool, ids: Sequence[int]) -> list[WaitingEvaluation]:
        found = await read_events_by_id(pool, ids)
        reading.set()
        await taken.wait()
        return found

    monkeypatch.setattr(retries, "read_events_by_id", held_up)
    calls: list[str] = []

    @run_status_sensor(run_status="SUCCESS", name="due")
    async def due(context: RunStatusSensorContext) -> None:
        calls.append(context.dagster_run.run_id)
        # For as long as it takes to find the row once more.
        await anyio.sleep(0.3)

    epoch = "SELECT coalesce(max(lease_epoch), 0) FROM runbell.sensors WHERE lease_holder IS NOT NULL"
    await make_due(connection, "due", 1)
    async with running(database_url, due):
        await reading.wait()
        before = await connection.fetchval(epoch)
        await change_sensor_states(connection, ["due"], "running")
        await until(lambda: connection.fetchval(epoch), lambda now: now >= before + 2)
        taken.set()
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert calls == ["due1"]


async def test_a_replay_has_a_key_of_its_own(database_url: str, connection: Session) -> None:
    keys: set[str] = set()

    @run_status_sensor(run_status="SUCCESS")
    async def keyed(context: RunStatusSensorContext) -> None:
        keys.add(context.idempotency_key)

    async with running(database_url, keyed):
        event_id = await record(connection, "r1")
        await until(lambda: connection.fetchval("SELECT sum(acted) FROM runbell.ticks"))
    again = "INSERT INTO runbell.evaluations (sensor_name, event_id, replay, state, attempts, due_at)"
    await connection.execute(
        f"{again} VALUES ('keyed', $1, 0, 'retry', 1, now()), ('keyed', $1, 5, 'retry', 1, now())", event_id
    )
    async with running(database_url, keyed):
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert sorted(key.split(".")[2] for key in keys) == ["0", "5"]


async def test_a_generator_within_a_result_may_ask_too(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def within() -> SensorResult:
        def requests() -> Iterator[RunRequest]:
            yield RunRequest()
            raise GiveUp("the customer is gone")

        return SensorResult(run_requests=requests())  # type: ignore[arg-type]

    async with running(database_url, within):
        await record(connection, "r1")
        row = await dead(connection)

    assert row["error"] == "GiveUp: the customer is gone"
