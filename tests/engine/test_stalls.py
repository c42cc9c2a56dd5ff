"""What does not move is said in the log once, with its cause, and once more when it moves again."""

from typing import TypeAlias

import anyio
import asyncpg
import pytest
import structlog

from runbell import RunStatusSensorContext, run_status_sensor
from runbell.core import seen, stalls
from runbell.engine import stalls as watching
from support.daemons import record, running, until

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def test_a_slow_function_is_named_while_it_is_slow(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (seen, stalls, watching):
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
