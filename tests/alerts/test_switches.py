"""Whether an alert is sent at all, and what keeps it from being sent."""

import os
import sys
from typing import Any

import pytest

from runbell import DagsterRunStatus, DefinitionError, make_teams_on_run_failure_sensor
from runbell.alerts import EnvVar, SecretFile
from runbell.testing import evaluate
from support.channels import web
from support.processes import python


@pytest.mark.parametrize(
    ("enabled", "variable", "sent"),
    [
        (True, None, True),
        (False, None, False),
        ("on", None, True),
        (EnvVar("ALERTS"), "true", True),
        (EnvVar("ALERTS"), "0", False),
        (EnvVar("ALERTS"), None, False),
    ],
)
def test_it_is_sent_where_it_is_enabled(
    enabled: Any, variable: str | None, sent: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable is not None:
        monkeypatch.setenv("ALERTS", variable)
    with web() as teams:
        evaluated = evaluate(make_teams_on_run_failure_sensor(teams.url, enabled=enabled))

    assert (evaluated.outcome, len(teams.received)) == (("acted", 1) if sent else ("skipped", 0))
    assert sent or (evaluated.reason or "").startswith("alerts are switched off here: enabled=")


def test_a_switch_that_says_something_else_sends_nothing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS", "prod")
    evaluated = evaluate(make_teams_on_run_failure_sensor("http://127.0.0.1:1", enabled=EnvVar("ALERTS")))

    assert evaluated.error is not None
    said = "enabled: EnvVar(name='ALERTS') is set to 'prod': set it to true or false"
    assert said in evaluated.error
    assert make_teams_on_run_failure_sensor("http://127.0.0.1:1", enabled=EnvVar("ALERTS")).function.unmet() == [said]
    with pytest.raises(DefinitionError, match="enabled=None is neither True nor False"):
        make_teams_on_run_failure_sensor("http://127.0.0.1:1", enabled=None)


def test_secrets_are_read_anew_from_files(tmp_path: Any) -> None:
    secret = tmp_path / "hook"
    sensor = make_teams_on_run_failure_sensor(SecretFile(secret))
    missing = evaluate(sensor)
    with web() as teams:
        secret.write_text(f"{teams.url}\n")
        assert evaluate(sensor).outcome == "acted"

    assert missing.error is not None
    assert f"hook_url: the file {secret} cannot be read or is empty: put the value into it" in missing.error


@pytest.mark.parametrize("given", [None, ""])
def test_a_secret_that_was_not_given_is_the_operators_mistake_not_the_authors(given: str | None) -> None:
    evaluated = evaluate(make_teams_on_run_failure_sensor(given))

    assert evaluated.error is not None
    assert "hook_url is empty: give a text, or EnvVar('NAME') and set that variable" in evaluated.error


class DagstersVariable(str):
    """Dagster's EnvVar as it is: a text that refuses to be read as one."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("use get_value()")

    @property
    def env_var_name(self) -> str:
        return self[:]

    def get_value(self) -> str | None:
        return os.environ.get(self.env_var_name)


def test_dagsters_own_variables_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = evaluate(make_teams_on_run_failure_sensor(DagstersVariable("A_HOOK")))
    with web() as teams:
        monkeypatch.setenv("A_HOOK", teams.url)
        assert evaluate(make_teams_on_run_failure_sensor(DagstersVariable("A_HOOK"))).outcome == "acted"

    assert missing.error is not None
    assert "the environment variable A_HOOK is not set" in missing.error


def test_it_takes_what_every_sensor_takes_and_dagsters_old_names() -> None:
    sensor = make_teams_on_run_failure_sensor("http://hook", name="tell", job_selection=["etl"], max_per_minute=5)

    assert (sensor.name, sensor.statuses, sensor.max_per_minute) == ("tell", {DagsterRunStatus.FAILURE.value}, 5)
    assert evaluate(sensor, job_name="other").outcome == "ignored"
    assert make_teams_on_run_failure_sensor("http://hook", monitor_all_repositories=True).monitor_all_code_locations


def test_what_speaks_to_a_channel_is_loaded_when_an_alert_is_sent() -> None:
    heavy = ["slack_sdk", "apprise", "smtplib", "ssl", "urllib.request", "email", "http"]
    loaded = python(f"import sys, runbell\nprint(*(m for m in {heavy} if m in sys.modules))").split()

    assert loaded == []
    assert "runbell" in sys.modules
