"""From a recorded status change to its run requests, through the whole daemon."""

import threading
from collections.abc import AsyncIterator, Iterator

import anyio
import anyio.lowlevel
import asyncpg
import pytest

from runbell import (
    RunRequest,
    RunStatusSensorContext,
    SkipReason,
    run_status_sensor,
)
from runbell.core.sensors import Sensor
from runbell.engine import service, tail
from support.daemons import record, requested_keys, running, until

Session = asyncpg.Connection


@run_status_sensor(run_status="SUCCESS", request_job="next_job")
async def chain(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id, tags={"from": context.dagster_run.job_name})


async def test_a_status_change_becomes_a_run_request(database_url: str, connection: Session) -> None:
    async with running(database_url, chain):
        event_id = await record(connection, "r1", code_location="eu", partition_key="2026-01-01")
        await until(lambda: requested_keys(connection), ["r1"].__eq__)

    request = await connection.fetchrow("SELECT * FROM runbell.run_requests")
    assert request["sensor_name"] == "chain"
    assert request["event_id"] == event_id
    assert request["job_name"] == "next_job"
    assert request["target"] == "sql"
    assert request["state"] == "pending"
    tags = await connection.fetchval("SELECT tags ->> 'from' FROM runbell.run_requests")
    assert tags == "job"
    ticks = await connection.fetch("SELECT requested, acted, failed FROM runbell.ticks WHERE sensor_name = 'chain'")
    assert [tuple(tick) for tick in ticks] == [(1, 0, 0)]


async def test_what_comes_together_after_a_quiet_moment_is_answered_by_one_commit(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        for number in range(10):
            async with connection.transaction():
                for part in "abc":
                    await record(connection, f"{part}{number}")
            await until(lambda: requested_keys(connection), lambda keys, most=3 * (number + 1): len(keys) == most)

    rows = await connection.fetch(
        "SELECT count(DISTINCT xmin::text) AS commits FROM runbell.run_requests GROUP BY right(run_key, 1)"
    )
    # A turn has an end, too, which a machine with other things to do may come to.
    assert min(row["commits"] for row in rows) == 1


async def test_a_new_sensor_starts_at_the_moment_that_it_is_first_deployed(
    database_url: str, connection: Session
) -> None:
    await record(connection, "before")
    async with running(database_url, chain):
        await record(connection, "after")
        await until(lambda: requested_keys(connection), lambda keys: "after" in keys)

    assert await requested_keys(connection) == ["after"]


async def test_what_happens_while_no_daemon_runs_is_answered_by_the_next(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        pass
    for number in range(30):
        await record(connection, f"r{number:02}")
    async with running(database_url, chain):
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 30)

    assert await requested_keys(connection) == [f"r{number:02}" for number in range(30)]


async def test_a_backlog_longer_than_a_page_is_paged_and_joined_to_the_tail(
    database_url: str, connection: Session
) -> None:
    async with running(database_url, chain):
        pass
    await connection.execute(
        "SELECT runbell.record_run_status('r' || n, 'job', 'SUCCESS') FROM generate_series(1, 3500) AS n"
    )
    async with running(database_url, chain):
        await record(connection, "last")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3501)
        await record(connection, "live")
        await until(lambda: requested_keys(connection), lambda keys: "live" in keys, seconds=5)

    expected = sorted([f"r{n}" for n in range(1, 3501)] + ["last", "live"])
    assert sorted(await requested_keys(connection)) == expected


async def test_every_form_of_function_answers(database_url: str, connection: Session) -> None:
    threads: list[str] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def plain(context: RunStatusSensorContext) -> RunRequest:
        threads.append(threading.current_thread().name)
        return RunRequest(run_key="plain")

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    def generator(context: RunStatusSensorContext) -> Iterator[RunRequest]:
        threads.append(threading.current_thread().name)
        yield RunRequest(run_key="generator-1")
        yield RunRequest(run_key="generator-2")

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def async_generator(context: RunStatusSensorContext) -> AsyncIterator[RunRequest]:
        await anyio.lowlevel.checkpoint()
        yield RunRequest(run_key="async-generator")

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def no_context() -> list[RunRequest]:
        return []

    async with running(database_url, plain, generator, async_generator, no_context):
        await record(connection, "r1")
        await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.ticks"), lambda count: count == 4)

    assert await requested_keys(connection) == ["async-generator", "generator-1", "generator-2", "plain"]
    assert threading.main_thread().name not in threads
    outcome = await connection.fetchval("SELECT last_outcome FROM runbell.sensors WHERE sensor_name = 'no_context'")
    assert outcome == "skipped"


async def test_run_keys_ask_for_one_run_over_all_history(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def once(context: RunStatusSensorContext) -> list[RunRequest]:
        return [RunRequest(run_key="same"), RunRequest(run_key="same"), RunRequest()]

    async with running(database_url, once):
        await record(connection, "r1")
        await record(connection, "r2")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3)

    assert [key for key in await requested_keys(connection) if key] == ["same"]


async def test_a_sensor_does_not_answer_its_own_runs(database_url: str, connection: Session) -> None:
    async with running(database_url, chain):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["r1"].__eq__)
        (claimed,) = await connection.fetch("SELECT * FROM runbell.claim_run_requests('a launcher')")
        completed = "SELECT runbell.complete_run_request($1, $2, 'own-by-id')"
        assert await connection.fetchval(completed, claimed["request_id"], claimed["attempts"])
        await record(connection, "own-by-id")
        await record(connection, "own-by-tag", tags=f'{{"runbell/request_id": "{claimed["request_id"]}"}}')
        await record(connection, "r2")
        await until(lambda: requested_keys(connection), lambda keys: "r2" in keys)

    assert await requested_keys(connection) == ["r1", "r2"]


async def test_events_of_one_run_reach_a_sensor_in_order_and_never_two_at_a_time(
    database_url: str, connection: Session
) -> None:
    seen: dict[str, list[str]] = {}
    inside: set[str] = set()
    overlapped: list[str] = []

    @run_status_sensor(run_status=["QUEUED", "STARTED", "SUCCESS"])
    async def ordered(context: RunStatusSensorContext) -> None:
        run_id = context.dagster_run.run_id
        if run_id in inside:
            overlapped.append(run_id)
        inside.add(run_id)
        await anyio.sleep(0.002)
        inside.discard(run_id)
        seen.setdefault(run_id, []).append(context.dagster_run.status.value)

    async with running(database_url, ordered):
        # The three of each run lie side by side, so that they would run at once if nothing kept them apart.
        await connection.execute(
            "SELECT runbell.record_run_status('r' || n / 3, 'job', ('{QUEUED,STARTED,SUCCESS}'::text[])[n % 3 + 1]) "
            "FROM generate_series(0, 119) AS n"
        )
        await until(lambda: connection.fetchval("SELECT sum(acted) FROM runbell.ticks"), lambda total: total == 120)

    assert not overlapped
    assert all(order == ["QUEUED", "STARTED", "SUCCESS"] for order in seen.values())
    assert len(seen) == 40


async def test_a_plain_function_is_called_for_one_event_at_a_time_and_a_coroutine_for_several(
    database_url: str, connection: Session
) -> None:
    now = {"plain": 0, "many": 0}
    most = {"plain": 0, "many": 0}

    def enter(name: str) -> None:
        now[name] += 1
        most[name] = max(most[name], now[name])

    @run_status_sensor(run_status="SUCCESS")
    def plain(context: RunStatusSensorContext) -> None:
        enter("plain")
        threading.Event().wait(0.005)
        now["plain"] -= 1

    @run_status_sensor(run_status="SUCCESS")
    async def many(context: RunStatusSensorContext) -> None:
        enter("many")
        await anyio.sleep(0.005)
        now["many"] -= 1

    async with running(database_url, plain, many):
        await connection.execute(
            "SELECT runbell.record_run_status('r' || n, 'job', 'SUCCESS') FROM generate_series(1, 60) AS n"
        )
        await until(lambda: connection.fetchval("SELECT sum(acted) FROM runbell.ticks"), lambda total: total == 120)

    assert most["plain"] == 1
    assert 2 <= most["many"] <= 16


async def test_a_sensor_declared_stopped_gets_nothing_and_starts_at_its_start(
    database_url: str, connection: Session
) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def later(context: RunStatusSensorContext) -> SkipReason | RunRequest:
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, later, default_running=False):
        await record(connection, "while-stopped")
    async with running(database_url, later):
        await record(connection, "while-running")
        await until(lambda: requested_keys(connection), lambda keys: "while-running" in keys)

    assert await requested_keys(connection) == ["while-running"]


async def test_a_changed_filter_applies_from_the_moment_that_it_is_deployed(
    database_url: str, connection: Session
) -> None:
    def watching(job: str) -> Sensor:
        @run_status_sensor(name="follows", run_status="SUCCESS", monitored_jobs=[job], request_job="j")
        async def follows(context: RunStatusSensorContext) -> RunRequest:
            return RunRequest(run_key=context.dagster_run.run_id)

        return follows

    async with running(database_url, watching("a")):
        pass
    await record(connection, "a-before", job="a")
    await record(connection, "b-before", job="b")
    async with running(database_url, watching("b")):
        await record(connection, "a-after", job="a")
        await record(connection, "b-after", job="b")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2)

    assert await requested_keys(connection) == ["a-before", "b-after"]


async def test_a_sensor_that_asks_to_answers_its_own_runs(database_url: str, connection: Session) -> None:
    @run_status_sensor(run_status="SUCCESS", request_job="j", react_to_own_runs=True)
    async def again(context: RunStatusSensorContext) -> RunRequest | None:
        depth = int(context.dagster_run.tags.get("runbell/chain", "0"))
        return RunRequest(run_key=f"depth-{depth + 1}") if depth < 2 else None

    async with running(database_url, again):
        await record(connection, "r1")
        for depth in (1, 2):
            await until(lambda: requested_keys(connection), lambda keys, depth=depth: len(keys) == depth)
            (claimed,) = await connection.fetch("SELECT *, tags::text AS text FROM runbell.claim_run_requests('me')")
            await record(connection, f"own-{depth}", tags=claimed["text"])
        await until(lambda: connection.fetchval("SELECT sum(acted) FROM runbell.ticks"), (1).__eq__)

    assert await requested_keys(connection) == ["depth-1", "depth-2"]


async def test_places_follow_events_that_nobody_asked_for_and_rest_while_there_are_none(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LAZY_PLACES_SECONDS", 0.1)
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", 0.1)
    passed = """
        SELECT bool_and(pg_visible_in_snapshot(e.xid, s.position)) FROM runbell.run_events AS e, runbell.sensors AS s
    """
    written = "SELECT xmin::text FROM runbell.sensors"
    async with running(database_url, chain):
        for number in range(3):
            await record(connection, f"r{number}", "CANCELED")
            await until(lambda: connection.fetchval(passed))
        before = await connection.fetchval(written)
        for _ in range(10):
            await connection.execute("SELECT pg_current_xact_id()")
            await anyio.sleep(0.1)
        assert await connection.fetchval(written) == before
