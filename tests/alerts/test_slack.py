"""Alerts in Slack: what its API is sent, and what comes of its answers."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from runbell import make_slack_on_run_failure_sensor
from runbell.alerts import EnvVar
from runbell.core.sensors import Sensor
from runbell.testing import Evaluated, VirtualDaemon, evaluate
from support.channels import Answer, Posted, Web, web

TOKEN = "xoxb-1234-hidden"
FAILED: Any = {
    "job_name": "load_orders",
    "run_id": "7f3c",
    "partition_key": "2026-01-01",
    "step_failures": {"load": {"message": "the step failed", "cause": {"message": "no space", "cls_name": "OSError"}}},
    "started_at": 1_000.0,
    "ended_at": 1_075.0,
}


def as_slack(posted: Posted) -> Answer:
    """What Slack's chat.postMessage says."""
    message, longest = posted.document, 0
    for block in message.get("blocks", []):
        longest = max(longest, len(block.get("text", {}).get("text", "")))
    if posted.headers["Authorization"] != f"Bearer {TOKEN}":
        said: dict[str, Any] = {"ok": False, "error": "invalid_auth"}
    elif message["channel"] != "#alerts":
        said = {"ok": False, "error": "channel_not_found"}
    elif len(message["text"]) > 40_000:
        said = {"ok": False, "error": "msg_too_long"}
    elif longest > 3000 or len(message.get("blocks", [])) > 50:
        said = {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": ["[ERROR] too long"]}}
    else:
        said = {"ok": True, "channel": "C1", "ts": "1.2", "message": {}}
    return Answer(text=json.dumps(said), headers={"Content-Type": "application/json"})


@pytest.fixture
def slack() -> Iterator[Web]:
    with web(as_slack) as opened:
        yield opened


def alert(slack: Web, channel: Any = "#alerts", token: Any = TOKEN, **more: Any) -> Sensor:
    return make_slack_on_run_failure_sensor(channel, token, base_url=f"{slack.url}/api", **more)


def sent(slack: Web) -> Any:
    (posted,) = slack.received
    return posted.document


def test_it_says_which_job_failed_where_why_and_after_how_long(slack: Web) -> None:
    evaluated = evaluate(alert(slack, webserver_base_url="https://dagster.example/"), **FAILED)

    assert evaluated == Evaluated("acted")
    assert slack.received[0].path == "/api/chat.postMessage"
    message = sent(slack)
    section, actions = message["blocks"]
    assert message["text"].splitlines() == [
        "*Job load_orders failed*",
        "*Partition:* 2026-01-01",
        "*Step:* load",
        "```OSError: no space```",
        "*Ran for:* 1 min 15 s",
        "*Run:* 7f3c",
    ]
    assert section["text"] == {"type": "mrkdwn", "text": message["text"]}
    assert actions["elements"][0]["url"] == "https://dagster.example/runs/7f3c"


def test_texts_and_blocks_of_ones_own_are_sent_as_in_dagster(slack: Web) -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "mine"}}
    evaluate(alert(slack, text_fn=lambda context: f"{context.dagster_run.job_name} <down>"), job_name="etl")
    evaluate(alert(slack, text_fn=lambda _: "short", blocks_fn=lambda _: [block], dagit_base_url="http://ui"))

    first, second = (posted.document for posted in slack.received)
    assert first["text"] == "etl <down>"
    assert [block["text"]["text"] for block in first["blocks"]] == ["*Job etl failed*", "etl <down>"]
    assert second["text"] == "short"
    assert [second["blocks"][0], second["blocks"][1]["elements"][0]["url"]] == [block, "http://ui/runs/a-run"]


def test_what_is_too_long_for_slack_is_cut(slack: Web) -> None:
    long = "x" * 50_000
    block = {"type": "section", "text": {"type": "mrkdwn", "text": long}}

    assert evaluate(alert(slack), message=long, step_failures={long: long}).outcome == "acted"
    assert evaluate(alert(slack, text_fn=lambda _: long)).outcome == "acted"
    assert evaluate(alert(slack, blocks_fn=lambda _: [block] * 80, webserver_base_url="http://ui")).outcome == "acted"
    assert evaluate(alert(slack, blocks_fn=lambda _: [block] * 80)).outcome == "acted"
    assert slack.received[2].document["blocks"][-1]["type"] == "actions"


def test_what_an_error_says_means_itself(slack: Web) -> None:
    evaluate(alert(slack), message="<!channel> a & b")

    assert "```&lt;!channel&gt; a &amp; b```" in sent(slack)["text"]


@pytest.mark.parametrize(
    ("channel", "token", "reason"),
    [("#nowhere", TOKEN, "channel_not_found"), ("#alerts", "xoxb-9999-expired", "invalid_auth")],
)
def test_what_slack_does_not_take_has_failed_and_is_retried(slack: Web, channel: str, token: str, reason: str) -> None:
    evaluated = evaluate(alert(slack, channel, token))

    assert (evaluated.outcome, evaluated.final) == ("failed", False)
    assert evaluated.error is not None
    assert evaluated.error.splitlines()[-1] == f"runbell.alerts.refusals.NotifyError: Slack does not take it: {reason}"
    assert token not in evaluated.error


def test_slack_says_when_to_try_again(slack: Web) -> None:
    slack.answer = lambda _: Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "30"})
    evaluated = evaluate(alert(slack))

    assert (evaluated.outcome, evaluated.retry_after) == ("failed", 30.0)
    assert evaluated.reason == "Slack does not take it: ratelimited"


def test_a_slack_that_is_always_busy_for_a_second_is_outlasted(slack: Web) -> None:
    slack.answer = lambda _: Answer(429, '{"ok": false, "error": "ratelimited"}', {"Retry-After": "1"})
    daemon = VirtualDaemon(alert(slack))
    daemon.record(status="FAILURE", job_name="load", run_id="7f3c")
    daemon.finish()

    waits = [round(later.at - earlier.at) for earlier, later in pairwise(daemon.calls)]
    assert waits == [1, 4, 16, 64, 256, 1024, 3600, 3600, 3600]


def test_a_slack_that_cannot_be_reached_is_a_failure() -> None:
    with web() as gone:
        pass
    evaluated = evaluate(alert(gone))

    assert evaluated.error is not None
    assert "NotifyError: Slack cannot be reached: " in evaluated.error


def test_a_token_is_read_when_it_is_needed(slack: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = alert(slack, EnvVar("A_CHANNEL"), EnvVar("A_TOKEN"))
    monkeypatch.setenv("A_CHANNEL", "#alerts")
    missing = evaluate(sensor)
    monkeypatch.setenv("A_TOKEN", TOKEN)

    assert missing.error is not None
    assert "slack_token: the environment variable A_TOKEN is not set: set it for the daemon" in missing.error
    assert evaluate(sensor).outcome == "acted"
    assert TOKEN not in repr(alert(slack).function)


def test_the_link_is_that_of_the_setting_where_no_other_is_given(slack: Web) -> None:
    evaluate(alert(slack), run_url="https://ui.example/{run_id}", **FAILED)

    assert sent(slack)["blocks"][-1]["elements"][0]["url"] == "https://ui.example/7f3c"
