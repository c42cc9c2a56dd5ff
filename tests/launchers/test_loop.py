"""The loop that drives a target, on a real queue."""

import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import anyio
import asyncpg
import pytest
from structlog.testing import capture_logs

from runbell.core.errors import StoreUnavailableError
from runbell.core.queue import QueuedRequest
from runbell.launchers import loop
from runbell.launchers.claims import Claim
from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions
from runbell.store.requests import claim_run_requests

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OPTIONS = LaunchOptions(consumer="test", targets=("here",), backoff_seconds=0.05)


class Recorded:
    """A target that does what it is told and remembers what it was asked."""

    def __init__(self, act: Callable[[QueuedRequest], Awaitable[str]] | None = None) -> None:
        self.requests: list[QueuedRequest] = []
        self._act = act

    async def launch(self, request: QueuedRequest, _claim: Claim) -> str:
        self.requests.append(request)
        return await self._act(request) if self._act else f"run-{request.request_id}"


@asynccontextmanager
async def launching(url: str, target: Recorded, options: LaunchOptions = OPTIONS) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(LaunchLoop(url, target, options).run)
        yield
        tasks.cancel_scope.cancel()


async def add_request(connection: Connection, ordinal: int = 0, *, ring: bool = True, **columns: Any) -> int:
    request_id: int = await connection.fetchval(
        """
        WITH added AS (
            INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key, tags)
            VALUES ('chain', 1, $1, $2, 'transform', $3, '{"team": "sales", "runbell/sensor": "chain"}')
            RETURNING request_id
        )
        SELECT a.request_id
        FROM added AS a, LATERAL (SELECT CASE WHEN $4 THEN runbell.ring('runbell_requests') END) AS r
        """,
        ordinal,
        columns.get("target", "here"),
        columns.get("run_key"),
        ring,
    )
    return request_id


async def request_of(connection: Connection, request_id: int) -> asyncpg.Record:
    row = await connection.fetchrow("SELECT * FROM runbell.run_requests WHERE request_id = $1", request_id)
    assert row is not None
    return row


async def until(fact: Callable[[], Awaitable[bool]], seconds: float = 8.0) -> None:
    with anyio.fail_after(seconds):
        while not await fact():
            await anyio.sleep(0.01)


async def until_state(connection: Connection, request_id: int, state: str) -> asyncpg.Record:
    async def reached() -> bool:
        return bool((await request_of(connection, request_id))["state"] == state)

    await until(reached)
    return await request_of(connection, request_id)


async def test_a_request_is_launched_once_and_reported_with_its_run(database_url: str, connection: Connection) -> None:
    target = Recorded()
    with capture_logs() as logs:
        async with launching(database_url, target):
            request_id = await add_request(connection, run_key="a")
            row = await until_state(connection, request_id, "launched")

            async def logged() -> bool:
                return any(line["event"] == "run_launched" for line in logs)

            await until(logged)

    assert row["run_id"] == f"run-{request_id}"
    assert row["launched_at"] is not None
    assert [request.request_id for request in target.requests] == [request_id]
    assert target.requests[0].run_tags() == {
        "team": "sales",
        "runbell/sensor": "chain",
        "runbell/request_id": str(request_id),
    }
    (line,) = (line for line in logs if line["event"] == "run_launched")
    assert 0 <= line.pop("lag_ms") < 8_000
    assert line == {
        "event": "run_launched",
        "log_level": "info",
        "request_id": request_id,
        "sensor": "chain",
        "job_name": "transform",
        "run_id": f"run-{request_id}",
        "run_key": "a",
    }


async def test_what_was_requested_before_the_start_is_launched_and_other_targets_are_left_alone(
    database_url: str, connection: Connection
) -> None:
    mine = await add_request(connection, 0, ring=False)
    theirs = await add_request(connection, 1, target="elsewhere")
    async with launching(database_url, Recorded()):
        await until_state(connection, mine, "launched")

    assert (await request_of(connection, theirs))["state"] == "pending"


async def test_a_ring_wakes_it_long_before_its_slow_read(database_url: str, connection: Connection) -> None:
    async with launching(database_url, Recorded(), replace(OPTIONS, poll_seconds=3600)):
        for ordinal in range(3):
            began = time.monotonic()
            await until_state(connection, await add_request(connection, ordinal), "launched")
            assert time.monotonic() - began < 4


async def test_what_no_ring_announced_is_found_by_the_slow_read(database_url: str, connection: Connection) -> None:
    async with launching(database_url, Recorded(), replace(OPTIONS, poll_seconds=0.2)):
        request_id = await add_request(connection, ring=False)
        await until_state(connection, request_id, "launched")


async def test_a_failed_launch_is_tried_again_after_its_backoff(database_url: str, connection: Connection) -> None:
    moments: list[float] = []

    async def third_time_lucky(request: QueuedRequest) -> str:
        moments.append(time.monotonic())
        if len(moments) < 3:
            raise ConnectionError("orchestrator away\x00")
        return "run-at-last"

    with capture_logs() as logs:
        # The slow read is far off: the retries are due by the loop's own clock.
        async with launching(database_url, Recorded(third_time_lucky), replace(OPTIONS, poll_seconds=3600)):
            request_id = await add_request(connection)
            row = await until_state(connection, request_id, "launched")

    assert row["attempts"] == 3
    assert row["error"] is None
    assert moments[1] - moments[0] >= 0.05
    assert moments[2] - moments[1] >= 0.2
    failures = [line for line in logs if line["event"] == "run_launch_failed"]
    assert [(line["attempt"], line["retry_in_seconds"]) for line in failures] == [(1, 0.05), (2, 0.2)]
    assert failures[0]["error"] == "ConnectionError: orchestrator away\\x00"


async def test_a_launch_that_fails_every_time_ends_as_failed_with_its_error(
    database_url: str, connection: Connection
) -> None:
    async def never(request: QueuedRequest) -> str:
        raise LookupError("no such job")

    target = Recorded(never)
    async with launching(database_url, target, replace(OPTIONS, attempts=2)):
        request_id = await add_request(connection)
        row = await until_state(connection, request_id, "failed")

    assert (row["attempts"], row["error"], row["run_id"]) == (2, "LookupError: no such job", None)
    assert len(target.requests) == 2


async def test_a_run_id_that_cannot_be_stored_fails_for_good_since_a_run_exists(
    database_url: str, connection: Connection
) -> None:
    async def too_long(request: QueuedRequest) -> str:
        return "r" * 501

    target = Recorded(too_long)
    async with launching(database_url, target):
        row = await until_state(connection, await add_request(connection), "failed")

    assert "cannot be recorded" in row["error"]
    assert len(target.requests) == 1


async def test_a_claim_is_renewed_while_its_launch_takes_longer_than_the_hold(
    database_url: str, connection: Connection
) -> None:
    async def slow(request: QueuedRequest) -> str:
        await anyio.sleep(1.2)
        return "slow-run"

    first, second = Recorded(slow), Recorded(slow)
    options = replace(OPTIONS, hold_seconds=0.4, poll_seconds=0.05)
    async with launching(database_url, first, options), launching(database_url, second, options):
        row = await until_state(connection, await add_request(connection), "launched")

    assert row["attempts"] == 1
    assert len(first.requests) + len(second.requests) == 1


async def test_a_lost_claim_is_refused_and_said(database_url: str, connection: Connection) -> None:
    async def overtaken(request: QueuedRequest) -> str:
        # An operator's hand, or another launcher after this process had been frozen.
        await connection.execute(
            "UPDATE runbell.run_requests SET attempts = attempts + 1, claimed_by = 'another' WHERE request_id = $1",
            request.request_id,
        )
        return "second-run"

    target = Recorded(overtaken)
    with capture_logs() as logs:
        async with launching(database_url, target):
            request_id = await add_request(connection)

            async def said() -> bool:
                return any(line["event"] == "claim_lost" for line in logs)

            await until(said)

    row = await request_of(connection, request_id)
    assert (row["state"], row["run_id"], row["claimed_by"]) == ("claimed", None, "another")
    (line,) = (line for line in logs if line["event"] == "claim_lost")
    assert (line["request_id"], line["run_id"], line["log_level"]) == (request_id, "second-run", "error")
    assert not any(line["event"] == "run_launched" for line in logs)


async def test_two_launchers_at_once_never_launch_a_request_twice(database_url: str, connection: Connection) -> None:
    async def briefly(request: QueuedRequest) -> str:
        await anyio.sleep(0.002)
        return f"run-{request.request_id}"

    first, second = Recorded(briefly), Recorded(briefly)
    async with launching(database_url, first), launching(database_url, second):
        requested = [await add_request(connection, ordinal) for ordinal in range(120)]

        async def all_launched() -> bool:
            return (
                await connection.fetchval("SELECT count(*) FROM runbell.run_requests WHERE state = 'launched'") == 120
            )

        await until(all_launched, 20)

    launched = Counter(request.request_id for request in first.requests + second.requests)
    assert launched == Counter(requested)
    assert await connection.fetchval("SELECT max(attempts) FROM runbell.run_requests") == 1


async def test_no_more_launches_than_allowed_go_on_at_once(database_url: str, connection: Connection) -> None:
    now, most = 0, 0

    async def counted(request: QueuedRequest) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.01)
        now -= 1
        return f"run-{request.request_id}"

    requested = [await add_request(connection, ordinal, ring=False) for ordinal in range(20)]
    options = replace(OPTIONS, concurrent=3, poll_seconds=3600)
    async with launching(database_url, Recorded(counted), options):
        for request_id in requested:
            await until_state(connection, request_id, "launched")

    assert most == 3


async def test_cancelling_lets_launches_in_flight_end_and_claims_no_more(
    database_url: str, connection: Connection
) -> None:
    begun, gate = anyio.Event(), anyio.Event()

    async def gated(request: QueuedRequest) -> str:
        begun.set()
        await gate.wait()
        return "late-run"

    target = Recorded(gated)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as outer:
            loops = anyio.CancelScope()

            async def run() -> None:
                with loops:
                    async with launching(database_url, target, replace(OPTIONS, concurrent=1)):
                        await anyio.sleep_forever()

            outer.start_soon(run)
            first = await add_request(connection, 0)
            await begun.wait()
            loops.cancel()
            second = await add_request(connection, 1)
            gate.set()

    assert (await request_of(connection, first))["run_id"] == "late-run"
    assert (await request_of(connection, second))["state"] == "pending"


async def test_a_launch_that_outlasts_the_drain_is_abandoned_and_taken_by_the_next(
    database_url: str, connection: Connection
) -> None:
    begun = anyio.Event()

    async def stuck(request: QueuedRequest) -> str:
        begun.set()
        await anyio.sleep_forever()
        raise AssertionError

    request_id = await add_request(connection)
    with capture_logs() as logs, anyio.fail_after(10):
        async with launching(database_url, Recorded(stuck), replace(OPTIONS, drain_seconds=0.1, hold_seconds=0.5)):
            await begun.wait()
    assert [line["request_id"] for line in logs if line["event"] == "launch_abandoned"] == [request_id]

    async with launching(database_url, Recorded(), replace(OPTIONS, poll_seconds=0.1)):
        row = await until_state(connection, request_id, "launched")
    assert row["attempts"] == 2


async def test_a_lost_connection_is_replaced_and_the_queue_is_read_again(
    database_url: str, connection: Connection
) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'runbell launcher%'"
    async with launching(database_url, Recorded(), replace(OPTIONS, poll_seconds=3600)):
        await until_state(connection, await add_request(connection, 0), "launched")
        assert await connection.fetch(kill)
        unrung = await add_request(connection, 1, ring=False)
        await until_state(connection, unrung, "launched")
        await until_state(connection, await add_request(connection, 2), "launched")


async def test_a_database_that_is_away_at_the_start_is_an_error(database_url: str) -> None:
    with pytest.raises(StoreUnavailableError):
        await LaunchLoop(database_url.replace("/test_", "/gone_"), Recorded(), OPTIONS).run()


def late(claimed: anyio.Event, let_go: anyio.Event) -> Callable[..., Awaitable[list[QueuedRequest]]]:
    """A claim whose answer is on its way from the moment that it has been committed until it is let go."""

    async def claim(*given: Any, **named: Any) -> list[QueuedRequest]:
        found = await claim_run_requests(*given, **named)
        if found:
            claimed.set()
            await let_go.wait()
        return found

    return claim


async def test_what_has_been_claimed_when_it_is_told_to_stop_is_launched(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would be held for nobody until the hold has run out."""
    claimed, let_go = anyio.Event(), anyio.Event()
    monkeypatch.setattr(loop, "claim_run_requests", late(claimed, let_go))
    request_id, later = await add_request(connection), await add_request(connection, ordinal=1)
    with anyio.fail_after(8):
        async with anyio.create_task_group() as outer:
            loops = anyio.CancelScope()

            async def run() -> None:
                with loops:
                    async with launching(database_url, Recorded(), replace(OPTIONS, concurrent=1)):
                        await anyio.sleep_forever()

            outer.start_soon(run)
            await claimed.wait()
            loops.cancel()
            let_go.set()

    assert (await request_of(connection, request_id))["state"] == "launched"
    assert (await request_of(connection, later))["attempts"] == 0


async def test_a_claim_that_is_not_answered_does_not_keep_it_from_stopping(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed = anyio.Event()
    monkeypatch.setattr(loop, "claim_run_requests", late(claimed, anyio.Event()))
    await add_request(connection)
    target = Recorded()
    with anyio.fail_after(8):
        async with launching(database_url, target, replace(OPTIONS, drain_seconds=0.1)):
            await claimed.wait()

    assert target.requests == []
