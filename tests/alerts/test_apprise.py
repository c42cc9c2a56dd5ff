"""Alerts through Apprise, to a real server that speaks one of its protocols."""

from collections.abc import Iterator

import pytest

import runbell
from runbell.alerts import EnvVar
from runbell.testing import evaluate
from support.channels import Answer, Web, web

# What Apprise imports is Apprise's business.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def place() -> Iterator[Web]:
    with web() as opened:
        yield opened


def address(place: Web) -> str:
    return f"json://hidden-user:hidden-password@127.0.0.1:{place.port}/hidden-token"


@runbell.run_status_sensor(["CANCELED", "FAILURE"])
def tell(context: runbell.RunStatusSensorContext) -> None:
    runbell.notify(context, EnvVar("PLACES"), webserver_base_url="http://ui")


def test_it_tells_of_any_status_from_within_a_sensor(place: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACES", address(place))
    evaluated = evaluate(tell, status="CANCELED", job_name="load", run_id="7f3c", ended_at=None)

    assert evaluated.outcome == "acted", evaluated.error
    message = place.received[0].document
    assert (message["title"], message["message"]) == ("Job load was canceled", "Run: 7f3c\nhttp://ui/runs/7f3c")


def test_the_ready_made_sensor_says_what_it_is_told_to(place: Web) -> None:
    sensor = runbell.make_notify_on_run_failure_sensor(
        address(place), title_fn=lambda context: context.dagster_run.job_name, body_fn=lambda _: "x" * 100_000
    )
    evaluated = evaluate(sensor, job_name="load")

    assert evaluated.outcome == "acted", evaluated.error
    message = place.received[0].document
    # As much as Apprise says that this service takes.
    assert (message["title"], len(message["message"]), message["message"][-4:]) == ("load", 32_768, "x...")


def test_one_that_takes_nothing_keeps_nobody_else_from_being_told(place: Web) -> None:
    with web(lambda _: Answer(500)) as broken:
        sensor = runbell.make_notify_on_run_failure_sensor(f"{address(broken)} {address(place)}")
        evaluated = evaluate(sensor, job_name="load")

    assert (evaluated.outcome, evaluated.final, len(place.received)) == ("failed", False, 1)
    assert evaluated.error is not None
    assert "NotifyError: json://*** (URL 1) does not take it: " in evaluated.error
    assert "hidden" not in evaluated.error.partition("NotifyError: ")[2]


def test_a_url_that_nobody_understands_is_named_without_its_secrets() -> None:
    evaluated = evaluate(runbell.make_notify_on_run_failure_sensor("nothing://hidden-token"))

    assert evaluated.error is not None
    assert "urls: URL 1 (nothing://***) is none that Apprise understands" in evaluated.error
    assert "hidden" not in evaluated.error
