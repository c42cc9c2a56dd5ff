"""What an alert says by default, and what finding it out may cost."""

from typing import Any

import pytest

import runbell
from runbell.alerts import summarize
from runbell.core.contexts import RunStatusSensorContext
from runbell.core.sensors import Sensor
from runbell.testing import evaluate
from support.channels import Web, web


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Each time that somebody asked for the failed steps, which nobody can tell."""
    asked: list[str] = []

    def away(context: Any) -> Any:
        asked.append(context.dagster_run.run_id)
        raise ConnectionError("the database is away")

    monkeypatch.setattr(RunStatusSensorContext, "get_step_failure_events", away)
    return asked


def test_a_run_that_took_days_is_said_to_have() -> None:
    context = runbell.build_run_status_sensor_context(status="FAILURE", started_at=0.0, ended_at=176_400.0)

    assert "Ran for: 2 d 1 h" in summarize(context).text


def test_steps_that_cannot_be_read_keep_no_alert_back(asked: list[str]) -> None:
    with web() as teams:
        sensor = runbell.make_teams_on_run_failure_sensor(teams.url)
        evaluated = evaluate(sensor, job_name="load", run_id="7f3c", message="no space left", ended_at=None)

    assert evaluated.outcome == "acted", evaluated.error
    _, why, facts = teams.received[0].document["attachments"][0]["content"]["body"]
    assert (why["text"], facts["facts"]) == ("no space left", [{"title": "Run", "value": "7f3c"}])
    assert [(line.level, line.message) for line in evaluated.log] == [
        ("warning", "the failed steps cannot be read: ConnectionError: the database is away")
    ]
    assert asked == ["7f3c"]


def own(_: Any) -> str:
    return "my own words"


def slack(place: Web) -> Sensor:
    return runbell.make_slack_on_run_failure_sensor("#ops", "xoxb-1", own, base_url=place.url)


def teams(place: Web) -> Sensor:
    return runbell.make_teams_on_run_failure_sensor(place.url, own)


def anywhere(place: Web) -> Sensor:
    return runbell.make_notify_on_run_failure_sensor(f"json://127.0.0.1:{place.port}", body_fn=own)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("made", [slack, teams, anywhere])
def test_words_of_ones_own_cost_no_query(made: Any, asked: list[str]) -> None:
    with web() as place:
        evaluate(made(place))

    assert len(place.received) == 1
    assert "my own words" in place.received[0].content.decode()
    assert asked == []


def test_what_is_known_is_found_once(asked: list[str]) -> None:
    summary = summarize(runbell.build_run_status_sensor_context(status="FAILURE", run_id="7f3c"))

    assert (summary.title, asked) == ("Job a_job failed", [])
    assert summary.text == summary.text
    assert asked == ["7f3c"]
