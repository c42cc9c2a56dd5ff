"""What does not move is said in the log once, with its cause, and once more when it moves again."""

from types import SimpleNamespace
from typing import TypeAlias

import anyio
import anyio.lowlevel
import asyncpg
import pytest
import structlog

from runbell import RunRequest, RunStatusSensorContext, run_status_sensor
from runbell.core import observations, stalls
from runbell.core.errors import StatementAbortedError, StatementRefusedError
from runbell.core.places import Place, Snapshot
from runbell.core.progress import Progress
from runbell.core.retention import Retention
from runbell.engine import retention
from runbell.engine import stalls as watching
from runbell.engine.term import Term
from runbell.store.retention import Swept
from support.daemons import record, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_a_slow_function_is_named_while_it_is_slow(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (observations, stalls, watching):
        monkeypatch.setattr(module, "BEHIND_SECONDS", 0.05)
    monkeypatch.setattr(watching.StallWatch.__init__, "__defaults__", (0.05,))
    let_go = anyio.Event()

    @run_status_sensor(run_status="SUCCESS")
    async def slow(context: RunStatusSensorContext) -> None:
        await let_go.wait()

    with structlog.testing.capture_logs() as logged:

        async def events(name: str) -> list[dict]:
            return [event for event in logged if event["event"] == name]

        async with running(database_url, slow):
            await record(connection, "r1")
            (stalled,) = await until(lambda: events("sensor_stalled"))
            await anyio.sleep(0.3)
            assert len(await events("sensor_stalled")) == 1
            let_go.set()
            (again,) = await until(lambda: events("sensor_moves_again"))

    assert (stalled["sensor"], stalled["cause"], stalled["log_level"]) == ("slow", "slow_function", "warning")
    assert "the function of slow is slow" in stalled["said"]
    assert stalled["remedy"]
    assert (again["sensor"], again["cause"]) == ("slow", "slow_function")


def watch_over(progress: Progress) -> watching.StallWatch:
    term = Term(held={"s": SimpleNamespace(progress=progress)})  # type: ignore[dict-item]
    return watching.StallWatch(never, term)


async def never() -> Session:
    raise AssertionError("nothing is looked at")


def test_i4_a_sensor_that_is_always_busy_is_not_late_and_one_that_answers_nothing_is() -> None:
    start = Place(Snapshot(10, 10))
    progress = Progress("s", 1, start, start, pending=3)
    watch = watch_over(progress)
    busy = []
    for moment in range(0, 60, 5):
        busy.append(watch._late(moment))
        progress.passed += 3
    assert not any(busy)

    progress.passed -= 1
    late = [watch._late(moment) for moment in (57, 59, 61)]
    assert late == [False, False, True]


async def test_i9_what_cannot_be_read_is_said_and_answering_goes_on(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise StatementRefusedError("cannot subtract infinite timestamps")

    monkeypatch.setattr(watching, "BEHIND_SECONDS", 0.05)
    monkeypatch.setattr(watching, "read_facts", refused)
    monkeypatch.setattr(watching.StallWatch.__init__, "__defaults__", (0.05,))
    let_go = anyio.Event()

    @run_status_sensor(run_status="SUCCESS", request_job="next")
    async def slow(context: RunStatusSensorContext) -> RunRequest:
        await let_go.wait()
        return RunRequest()

    with structlog.testing.capture_logs() as logged:

        async def said() -> list[dict]:
            return [event for event in logged if event["event"] == "stalls_not_read"]

        async with running(database_url, slow):
            await record(connection, "r1")
            (first, *_) = await until(said)
            let_go.set()
            await until(
                lambda: connection.fetchval("SELECT count(*) FROM runbell.run_requests"), lambda count: count == 1
            )

    assert "infinite" in first["error"]


async def test_i9_a_page_that_never_ends_in_time_holds_up_no_other_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def swept(_: object, kind: str, *__: object) -> Swept:
        if kind == "events":
            raise StatementAbortedError("statement timeout")
        return Swept(2, None)

    async def at_once(_: float) -> None:
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(retention, "sweep", swept)
    with structlog.testing.capture_logs() as logged:
        removed = await retention.sweep_all(None, Retention(), at_once)  # type: ignore[arg-type]

    assert removed.rows["events"] == 0
    assert set(removed.rows.values()) == {0, 2}
    assert [event["event"] for event in logged] == ["sweep_repeated", "sweep_repeated", "sweep_failed"]
