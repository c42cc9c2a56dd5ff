"""What makes a sensor of Dagster's repeat itself for ever, or lose something without a word, does neither here."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest

from runbell import RunRequest, RunStatusSensorContext, SensorResult, SkipReason, run_failure_sensor, run_status_sensor
from runbell.core.sensors import Sensor
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection

# What a function returns for one event of three, and what the dead letter says of it.
BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "a_request_of_an_unknown_job": (lambda: RunRequest(job_name="nobody"), "which is not among its request_jobs (j)"),
    "a_list_with_something_else_in_it": (lambda: [RunRequest(), "load"], "with 'load' in it: return None, RunRequests"),
    "a_text": (lambda: "done", "returned 'done': return None, RunRequests, a SkipReason or a SensorResult"),
    "a_number": (lambda: 5, "returned 5: return None, RunRequests, a SkipReason or a SensorResult"),
    "a_cursor": (lambda: SensorResult(cursor="7"), "gave SensorResult(cursor='7'): leave it out"),
    "requests_and_a_skip_reason": (
        lambda: [RunRequest(), SkipReason("no")],
        "gave 1 run requests together with a skip reason",
    ),
    "a_result_of_both": (
        lambda: SensorResult(run_requests=[RunRequest()], skip_reason="no"),
        "gave 1 run requests together with a skip reason",
    ),
    "a_result_beside_a_request": (lambda: [SensorResult(), RunRequest()], "SensorResult("),
}


def answering(name: str, bad: Callable[[], Any], called: Counter[tuple[str, str]], job: str | None = "j") -> Sensor:
    @run_status_sensor("SUCCESS", name, request_job=job)
    def sensor(context: RunStatusSensorContext) -> Any:
        run_id = context.dagster_run.run_id
        called[name, run_id] += 1
        return bad() if run_id == "bad" else RunRequest(run_key=run_id)

    return sensor


async def record_together(connection: Session, *run_ids: str) -> None:
    """In one transaction, so that they are read and evaluated together, as in one tick of Dagster's."""
    await connection.execute(
        "SELECT runbell.record_run_status(run_id, 'job', 'SUCCESS') FROM unnest($1::text[]) AS run_id", [*run_ids]
    )


async def test_an_answer_that_repeats_dagsters_tick_for_ever_is_a_dead_letter_and_delays_nothing(
    database_url: str, connection: Session
) -> None:
    called: Counter[tuple[str, str]] = Counter()
    sensors = [answering(name, bad, called) for name, (bad, _) in BAD.items()]

    async with running(database_url, *sensors):
        await record_together(connection, "first", "bad", "last")
        await until(lambda: evaluations(connection), lambda rows: len(rows) == len(BAD))
        await record(connection, "later")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 3 * len(BAD))

    assert set(called.values()) == {1}
    dead = {row["sensor_name"]: row["error"] for row in await evaluations(connection) if row["state"] == "dead"}
    assert dead.keys() == BAD.keys()
    assert {name: said for name, (_, said) in BAD.items() if said not in dead[name]} == {}


async def test_a_request_without_any_target_is_a_dead_letter(database_url: str, connection: Session) -> None:
    called: Counter[tuple[str, str]] = Counter()

    async with running(database_url, answering("aimless", RunRequest, called, job=None)):
        await record_together(connection, "bad")
        (row,) = await until(lambda: evaluations(connection), lambda rows: [r["state"] for r in rows] == ["dead"])

    assert "has no job to request: give it request_job= or request_jobs=" in row["error"]
    assert set(called.values()) == {1}


async def test_alerts_beside_a_skip_reason_are_sent_once(database_url: str, connection: Session) -> None:
    sent: Counter[str] = Counter()

    @run_status_sensor("SUCCESS")
    def alerting(context: RunStatusSensorContext) -> SkipReason | None:
        sent[context.dagster_run.run_id] += 1
        return SkipReason("not of interest") if context.dagster_run.run_id == "c" else None

    async with running(database_url, alerting):
        await record_together(connection, "a", "b", "c")
        await until(
            lambda: connection.fetchval("SELECT sum(acted + skipped) FROM runbell.ticks"), lambda done: done == 3
        )

    assert sent == {"a": 1, "b": 1, "c": 1}


async def test_neither_an_alert_nor_an_error_is_lost_beside_a_request(database_url: str, connection: Session) -> None:
    called: Counter[str] = Counter()

    @run_status_sensor("SUCCESS", request_job="j", max_concurrent=1)
    def mixed(context: RunStatusSensorContext) -> RunRequest | None:
        run_id = context.dagster_run.run_id
        called[run_id] += 1
        if run_id == "raises" and called[run_id] == 1:
            raise ConnectionError("the channel is away")
        return RunRequest(run_key=run_id) if run_id == "requests" else None

    async with running(database_url, mixed, retry_backoff_seconds=0.05):
        await record_together(connection, "acts", "raises", "requests", "acts too")
        await until(lambda: requested_keys(connection), lambda keys: keys == ["requests"])
        await until(lambda: asyncio.sleep(0, dict(called)), lambda calls: calls.get("raises") == 2)
        await until(lambda: evaluations(connection), lambda rows: rows == [])

    assert called == {"acts": 1, "raises": 2, "requests": 1, "acts too": 1}


async def test_every_event_is_answered_though_each_requests_a_run(database_url: str, connection: Session) -> None:
    called: Counter[tuple[str, str]] = Counter()
    runs = [f"r{number:02}" for number in range(40)]

    async with running(database_url, answering("chain", RunRequest, called)):
        await record_together(connection, *runs)
        await until(lambda: requested_keys(connection), lambda keys: sorted(keys) == runs)

    assert set(called.values()) == {1}


async def test_functions_with_a_loop_of_their_own_and_with_state_in_their_module_work(
    database_url: str, connection: Session
) -> None:
    state: Counter[str] = Counter()
    threads = set()

    @run_failure_sensor
    def counting() -> None:
        async def send() -> str:
            await asyncio.sleep(0)
            return "sent"

        state[asyncio.run(send())] += 1
        threads.add(threading.get_ident())

    @run_failure_sensor
    def nothing_to_yield() -> Iterator[RunRequest]:
        state["yielded nothing"] += 1
        yield from ()

    async with running(database_url, counting, nothing_to_yield):
        for number in range(3):
            await record(connection, f"r{number}", "FAILURE")
        await until(lambda: asyncio.sleep(0, state.total()), lambda total: total == 6)

    assert state == {"sent": 3, "yielded nothing": 3}
    assert threading.get_ident() not in threads
    assert await evaluations(connection) == []


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_a_function_that_tries_to_end_its_process_is_called_again_and_delays_nothing(
    database_url: str, connection: Session, error: BaseException
) -> None:
    called: Counter[str] = Counter()

    @run_status_sensor("SUCCESS", request_job="j")
    def leaving(context: RunStatusSensorContext) -> RunRequest:
        called[context.dagster_run.run_id] += 1
        if context.dagster_run.run_id == "bad":
            raise error
        return RunRequest(run_key=context.dagster_run.run_id)

    async with running(database_url, leaving, retry_attempts=2):
        await record_together(connection, "first", "bad", "last")
        await until(lambda: requested_keys(connection), lambda keys: sorted(keys) == ["first", "last"])
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])

    assert called == {"first": 1, "bad": 2, "last": 1}
