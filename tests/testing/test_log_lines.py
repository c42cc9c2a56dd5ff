"""What a function logs can be looked at."""

import logging
from typing import Any

import pytest

import runbell
from runbell.testing import LogLine, evaluate


@runbell.run_failure_sensor
def talkative(context: Any) -> None:
    context.log.info("%s failed after %d tries", context.dagster_run.job_name, 3)
    context.log.bind(team="ops").warning("100% sure", rows=5)
    try:
        raise OSError("away")
    except OSError:
        context.log.exception("not sent")


def test_lines_come_finished_with_their_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    evaluated = evaluate(talkative, job_name="load")

    assert evaluated.outcome == "acted", evaluated.error
    assert evaluated.log == (
        LogLine("info", "load failed after 3 tries", {}),
        LogLine("warning", "100% sure", {"team": "ops", "rows": 5}),
        LogLine("error", "not sent", {}),
    )
    assert [record.name for record in caplog.records] == ["runbell.sensors.talkative"] * 3
    assert "OSError: away" in caplog.text


def test_what_was_said_before_a_failure_is_there_too() -> None:
    @runbell.run_failure_sensor
    async def fails(context: Any) -> None:
        context.log.debug("trying")
        raise OSError("away")

    assert evaluate(fails).log == (LogLine("debug", "trying", {}),)
