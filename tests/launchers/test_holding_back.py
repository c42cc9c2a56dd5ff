"""When a launcher does not launch: its target is paused or away, enough runs are in progress, or its claim is lost."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from structlog.testing import capture_logs

from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim, ClaimLostError
from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions
from runbell.launchers.targets import LaunchRefusedError, NotReadyError, OutcomeUnknownError, TargetAwayError
from runbell.store.connections import connect
from runbell.store.requests import claim_run_requests
from support.daemons import until
from support.processes import runbell
from support.requests import request, until_state

OPTIONS = LaunchOptions(consumer="test", targets=("here",), backoff_seconds=0.05, poll_seconds=3600)


class Told:
    """A target that raises what it was told to, once each, and else starts runs that never end."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls: list[int] = []
        self.running: set[str] = set()
        self.counts = 0
        self.most = 0

    async def launch(self, request: QueuedRequest, _claim: Claim) -> str:
        self.calls.append(request.request_id)
        if self.errors:
            raise self.errors.pop(0)
        self.running.add(f"run-{request.request_id}")
        self.most = max(self.most, len(self.running))
        return f"run-{request.request_id}"

    async def in_progress(self) -> int:
        self.counts += 1
        return len(self.running)


@asynccontextmanager
async def launching(url: str, target: Told, options: LaunchOptions = OPTIONS) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        await tasks.start(LaunchLoop(url, target, options).run)
        yield
        tasks.cancel_scope.cancel()


def command(url: str, *arguments: str) -> str:
    done = runbell(*arguments, RUNBELL_DATABASE_URL=url)
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


async def test_requests_for_a_paused_target_wait_and_are_launched_when_it_is_resumed(database_url, connection):
    assert command(database_url, "launchers", "list") == "nothing waits to be launched\n"
    assert command(database_url, "launchers", "pause", "here") == "requests for here wait from now on\n"
    assert command(database_url, "launchers", "pause", "here") == "requests for here wait already\n"
    paused = [await request(connection, "j", target="here") for _ in range(2)]
    other = await request(connection, "j", target="there")
    target = Told()
    async with launching(database_url, target, replace(OPTIONS, targets=None)):
        await until_state(connection, other, "launched")
        assert target.calls == [other]
        (row,) = json.loads(command(database_url, "launchers", "list", "--json"))
        assert row.pop("oldest_seconds") > 0
        assert row.pop("paused_at")
        assert row == {"target": "here", "paused": True, "pending": 2, "claimed": 0}
        assert command(database_url, "launchers", "pause", "afar") == "requests for afar wait from now on\n"
        (first,) = json.loads(command(database_url, "launchers", "list", "--json", "--limit", "1"))
        assert first["target"] == "afar"

        # Nothing but the ring of the resumption wakes it.
        assert command(database_url, "launchers", "resume", "here") == "requests for here are launched again\n"
        for request_id in paused:
            await until_state(connection, request_id, "launched")
    assert target.calls == [other, *paused]
    assert command(database_url, "launchers", "resume", "here") == "here was not paused\n"


async def test_a_launcher_of_paused_targets_alone_claims_nothing(database_url, connection):
    for target in ("here", "there"):
        await request(connection, "j", target=target)
    await connection.execute("INSERT INTO runbell.paused_targets (target) VALUES ('here')")

    async def claimed(*targets: str) -> list[str]:
        rows = await claim_run_requests(
            connection, consumer="c", max_requests=9, hold_seconds=60, targets=targets or None
        )
        return [row.target for row in rows]

    assert await claimed("here") == []
    assert await claimed("here", "there") == ["there"]
    assert await claimed() == []


async def test_no_more_runs_than_allowed_are_in_progress(database_url, connection):
    requests = [await request(connection, "j", target="here") for _ in range(6)]
    target = Told()
    async with launching(database_url, target, replace(OPTIONS, max_in_progress=2)):
        for done in (2, 4, 6):
            for request_id in requests[:done]:
                await until_state(connection, request_id, "launched")
            await anyio.wait_all_tasks_blocked()
            assert len(target.calls) == done
            target.running.clear()

    assert target.most == 2
    assert target.calls == requests


async def test_runs_in_progress_are_counted_seldom_while_there_are_enough(database_url, connection):
    target = Told()
    target.running.add("somebody's")
    async with launching(database_url, target, replace(OPTIONS, max_in_progress=1)):
        for _ in range(20):
            await request(connection, "j", target="here")

    assert target.calls == []
    assert target.counts <= 3


async def test_while_a_target_is_away_one_request_finds_out_and_none_is_given_up(database_url, connection):
    requests = [await request(connection, "j", target="here") for _ in range(12)]
    target = Told(*(TargetAwayError("away") for _ in range(8 + 2)))
    async with launching(database_url, target, replace(OPTIONS, attempts=1)):
        for request_id in requests:
            await until_state(connection, request_id, "launched")

    attempts = {row["request_id"]: row["attempts"] for row in await connection.fetch("TABLE runbell.run_requests")}
    # All that were claimed at once, and then twice the oldest that is due.
    assert sum(attempts.values()) == 12 + 8 + 2


async def test_a_job_whose_code_is_missing_waits_without_holding_up_the_others(database_url, connection):
    missing = await request(connection, "missing", target="here")
    others = [await request(connection, "j", target="here") for _ in range(20)]
    target = Told(*(NotReadyError("it is being loaded") for _ in range(3)))
    async with launching(database_url, target, replace(OPTIONS, attempts=1, concurrent=1)):
        for request_id in (*others, missing):
            await until_state(connection, request_id, "launched")

    # Each has waited by itself, and none for another.
    attempts = {row["request_id"]: row["attempts"] for row in await connection.fetch("TABLE runbell.run_requests")}
    assert [attempts[request_id] for request_id in (missing, *others[:2])] == [2, 2, 2]
    assert target.calls[:3] == [missing, *others[:2]]


async def test_what_is_refused_fails_at_once_with_its_sentence(database_url, connection):
    async with launching(database_url, Told(LaunchRefusedError("no such partition"))):
        row = await until_state(connection, await request(connection, "j", target="here"), "failed")

    assert (row["attempts"], row["error"]) == (1, "no such partition")


async def test_an_unknown_outcome_is_tried_again_not_before_its_time_and_never_given_up(database_url, connection):
    target = Told(OutcomeUnknownError("who knows", 1.5))
    async with launching(database_url, target, replace(OPTIONS, attempts=1)):
        request_id = await request(connection, "j", target="here")
        row = await until_state(connection, request_id, "pending")
        while not row["error"]:
            row = await until_state(connection, request_id, "pending")
        waits = await connection.fetchval("SELECT extract(epoch FROM $1 - clock_timestamp())::float8", row["due_at"])
        row = await until_state(connection, request_id, "launched")

    assert 1.0 < waits <= 1.5
    assert row["attempts"] == 2


async def test_an_outage_uses_up_no_tries_of_a_request(database_url, connection):
    away = [TargetAwayError("away") for _ in range(3)]
    target = Told(*away, ValueError("one"), ValueError("two"))
    async with launching(database_url, target, replace(OPTIONS, attempts=2)):
        row = await until_state(connection, await request(connection, "j", target="here"), "failed")

    assert (row["attempts"], row["error"]) == (5, "ValueError: two")


async def test_a_claim_is_confirmed_without_the_database_as_long_as_it_lasts(database_url, connection):
    await request(connection, "j", target="here")
    session = await connect(database_url, role="launcher")
    began = anyio.current_time()
    (held,) = await claim_run_requests(session, consumer="c", max_requests=1, hold_seconds=60, targets=None)
    claim = Claim(session, held, began, 60.0)
    await connection.execute("UPDATE runbell.run_requests SET attempts = 2")

    await claim.confirm(50.0)
    # Frozen for so long that another may have it.
    with pytest.raises(ClaimLostError):
        await Claim(session, held, began - 20.0, 60.0).confirm(50.0)
    await connection.execute("UPDATE runbell.run_requests SET attempts = 1, claimed_until = clock_timestamp()")
    await Claim(session, held, began - 20.0, 60.0).confirm(50.0)
    left = await connection.fetchval(
        "SELECT extract(epoch FROM claimed_until - clock_timestamp())::float8 FROM runbell.run_requests"
    )
    assert 55 < left <= 60
    await session.close()


async def test_a_launch_whose_claim_was_lost_reports_nothing(database_url, connection):
    with capture_logs() as logs:
        async with launching(database_url, Told(ClaimLostError("lost"))):
            request_id = await request(connection, "j", target="here")

            async def said() -> list[dict]:
                return [line for line in logs if line["event"] == "claim_lost"]

            (line,) = await until(said)
    assert line["request_id"] == request_id
    assert (await until_state(connection, request_id, "claimed"))["error"] is None
