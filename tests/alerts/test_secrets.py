"""No secret stands in what is said of a channel that took nothing, whoever says it and however much of it."""

from collections.abc import Iterator

import pytest

from runbell import make_slack_on_run_failure_sensor, make_teams_on_run_failure_sensor
from runbell.alerts import EnvVar
from runbell.alerts.secret import hidden, reveal
from runbell.testing import evaluate
from support.channels import Answer, Web, web


@pytest.fixture
def place() -> Iterator[Web]:
    with web() as opened:
        yield opened


@pytest.mark.parametrize(
    ("secret", "said", "shown"),
    [
        ("https://hook/flows/s3cr3t?sig=a1b2c3", "404: no /flows/s3cr3t here", "404: no /***/*** here"),
        ("https://hook/flows/s3cr3t?sig=a1b2c3", "sig a1b2c3 is old", "sig *** is old"),
        ("https://hook/?sig=a%2Bb%2Fc1", "sig a+b/c1 is wrong", "sig *** is wrong"),
        ("https://hook/?sig=a+b-c1", "sig a%2Bb-c1 is wrong", "sig *** is wrong"),
        ("json://token-1,slack://token-2", "json, not slack: token-1, token-2", "json, not slack: ***, ***"),
        ("https://hook/s3cr3t", "begins with https://", "begins with https://"),
        ("xoxb-1234\nxoxb-5678", "b'Bearer xoxb-1234\\nxoxb-5678'", "b'Bearer ***\\n***'"),
        ("load/orders", "the job is orders", "the job is orders"),
        ("#ops", "#ops is archived", "#ops is archived"),
    ],
)  # fmt: skip
def test_a_secret_and_the_parts_of_a_url_are_hidden(secret: str, said: str, shown: str) -> None:
    assert hidden(said, secret) == shown


def test_a_service_that_repeats_a_part_of_the_address_shows_nothing_of_it(place: Web) -> None:
    place.answer = lambda posted: Answer(404, f"nothing at {posted.path}")
    evaluated = evaluate(make_teams_on_run_failure_sensor(f"{place.url}/workflows/a1b2c3d4/sig-hidden"))

    assert evaluated.error is not None
    assert "NotifyError: it answered 404 Not Found: nothing at /***/***/***" in evaluated.error


def test_an_address_that_no_request_can_be_made_of_is_not_shown() -> None:
    evaluated = evaluate(make_teams_on_run_failure_sensor("http://127.0.0.1:1/workflows/a1b2c3d4 sig-hidden"))

    assert evaluated.error is not None
    assert "NotifyError: it cannot be reached: " in evaluated.error
    assert "a1b2c3d4" not in evaluated.error
    assert "sig-hidden" not in evaluated.error


@pytest.mark.parametrize(
    ("token", "path"), [("xoxb-1234\nxoxb-5678", "/api"), ("xoxb-1234-5678", "/a path"), ("xoxb-1234-5678", ":x/api")]
)
def test_what_slacks_package_does_not_catch_shows_no_token(
    place: Web, token: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    evaluated = evaluate(make_slack_on_run_failure_sensor("#alerts", token, base_url=f"{place.url}{path}"))

    assert (evaluated.outcome, place.received) == ("failed", [])
    assert evaluated.error is not None
    assert "NotifyError: Slack cannot be reached: " in evaluated.error
    for shown in (evaluated.error, caplog.text):
        assert "xoxb-1234" not in shown
        assert "xoxb-5678" not in shown


def test_a_line_end_in_a_variable_belongs_to_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PASSWORD", "word\n")

    assert reveal("email_password", EnvVar("A_PASSWORD")) == "word"
