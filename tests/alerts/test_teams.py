"""Alerts in Microsoft Teams: what its webhooks are sent, and what comes of their answers."""

from collections.abc import Iterator
from typing import Any

import pytest

from runbell import make_teams_on_run_failure_sensor
from runbell.testing import evaluate
from support.channels import Answer, Web, web

SECRET = "/workflows/a1b2c3d4/sig-hidden"


@pytest.fixture
def teams() -> Iterator[Web]:
    with web(lambda _: Answer(202)) as opened:
        yield opened


def card(teams: Web) -> Any:
    (attachment,) = teams.received[-1].document["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return attachment["content"]


def test_it_says_which_job_failed_where_why_and_after_how_long(teams: Web) -> None:
    sensor = make_teams_on_run_failure_sensor(teams.url + SECRET, webserver_base_url="https://dagster.example")
    error = {"message": "no space", "cls_name": "OSError"}
    evaluated = evaluate(
        sensor, job_name="load", run_id="7f3c", partition_key="p1", step_failures={"write": error}, ended_at=A_SECOND
    )

    assert evaluated.outcome == "acted"
    assert teams.received[0].path == SECRET
    title, why, facts = card(teams)["body"]
    assert (title["text"], why["text"]) == ("Job load failed", "OSError: no space")
    assert {fact["title"]: fact["value"] for fact in facts["facts"]} == {
        "Partition": "p1",
        "Step": "write",
        "Ran for": "1.0 s",
        "Run": "7f3c",
    }
    assert card(teams)["actions"][0]["url"] == "https://dagster.example/runs/7f3c"


A_SECOND = 1_767_225_601.0


def test_a_message_of_ones_own_is_sent_and_cut(teams: Web) -> None:
    evaluate(make_teams_on_run_failure_sensor(teams.url, lambda context: context.dagster_run.job_name * 9000))

    (block,) = card(teams)["body"]
    assert block["text"] == ("a_job" * 800)[:3997] + "..."
    assert len(teams.received[0].content) < 28_000


def test_the_longest_message_of_the_widest_characters_fits(teams: Web) -> None:
    evaluate(make_teams_on_run_failure_sensor(teams.url, lambda _: "\N{GRINNING FACE}" * 9000))

    assert len(teams.received[0].content) < 28_000


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(404, "no such workflow"), "it answered 404 Not Found: no such workflow"),
        (Answer(200, "Webhook message delivery failed with error: 400"), "Teams does not take it: Webhook message"),
        (Answer(302, "", {"Location": "/elsewhere"}), "it answered 302 Found"),
    ],
)
def test_what_is_not_taken_has_failed_and_shows_no_address(teams: Web, answer: Answer, said: str) -> None:
    teams.answer = lambda _: answer
    evaluated = evaluate(make_teams_on_run_failure_sensor(teams.url + SECRET))

    assert (evaluated.outcome, evaluated.final) == ("failed", False)
    assert evaluated.error is not None
    assert f"NotifyError: {said}" in evaluated.error
    assert SECRET not in evaluated.error
    # A redirect is not followed: the POST would arrive as a GET, and nobody would be told.
    assert len(teams.received) == 1


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (Answer(429, "", {"Retry-After": "17"}), 17.0),
        (Answer(503, "", {"Retry-After": "soon"}), None),
        (Answer(200, "Webhook message delivery failed: endpoint returned HTTP error 429"), None),
    ],
)
def test_too_many_are_sent_later(teams: Web, answer: Answer, after: float | None) -> None:
    teams.answer = lambda _: answer
    evaluated = evaluate(make_teams_on_run_failure_sensor(teams.url))

    assert (evaluated.outcome, evaluated.retry_after, evaluated.final) == ("failed", after, False)
    assert evaluated.reason


def test_an_address_that_is_none_is_a_failure_that_does_not_show_it() -> None:
    evaluated = evaluate(make_teams_on_run_failure_sensor("ftp://hook.hidden"))

    assert evaluated.error is not None
    assert "the address does not begin with http:// or https://" in evaluated.error


def test_a_proxy_is_asked_in_place_of_the_address(teams: Web) -> None:
    evaluated = evaluate(make_teams_on_run_failure_sensor("http://teams.invalid/hook", http_proxy=teams.url))

    assert evaluated.outcome == "acted"
    assert teams.received[0].path == "http://teams.invalid/hook"
