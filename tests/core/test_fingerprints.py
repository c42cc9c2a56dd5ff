"""A sensor is a changed one if anything that it does differently has changed, and not for any other reason."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

import runbell
from runbell.alerts import EnvVar, SecretFile
from runbell.core.fingerprints import APART, fingerprint
from runbell.core.run_keys import KeyPolicy
from runbell.core.sensors import DefaultSensorStatus, Sensor


def nothing() -> None: ...


PLAIN = Sensor(name="it", function=nothing, statuses=frozenset({"SUCCESS"}))
OTHERWISE: dict[str, Any] = {
    "request_jobs": ("load",),
    "description": "Loads.",
    "default_status": DefaultSensorStatus.STOPPED,
    "minimum_interval_seconds": 5.0,
    "tags": {"team": "data"},
    "retry": runbell.RetryPolicy(attempts=2),
    "max_concurrent": 2,
    "max_per_minute": 3,
    "timeout_seconds": 4.0,
    "run_key_policy": KeyPolicy.read(timedelta(hours=1)),
    "only_final_failures": True,
    "is_failure": True,
    "is_async": True,
    "takes_context": True,
    "required_resource_keys": frozenset({"mailbox"}),
    "is_native": True,
}


def test_every_setting_counts_or_is_named_as_one_that_does_not() -> None:
    assert OTHERWISE.keys() | APART.keys() == {one.name for one in fields(Sensor)}


@pytest.mark.parametrize("setting", OTHERWISE)
def test_another_value_of_a_setting_makes_another_sensor(setting: str) -> None:
    assert fingerprint(replace(PLAIN, **{setting: OTHERWISE[setting]}), None) != fingerprint(PLAIN, None)


def words(_: Any) -> str:
    return "down"


def other_words(_: Any) -> str:
    return "up"


TOKEN = EnvVar("TOKEN")


def slack(channel: Any = "#ops", token: Any = TOKEN, *more: Any, **named: Any) -> Sensor:
    return runbell.make_slack_on_run_failure_sensor(channel, token, *more, **named)


@pytest.mark.parametrize(
    "changed",
    [
        slack("#other"),
        slack(EnvVar("CHANNEL")),
        slack(token=EnvVar("ANOTHER")),
        slack(token=SecretFile("/run/token")),
        slack("#ops", TOKEN, words),
        slack("#ops", TOKEN, other_words),
        slack(dedupe=5),
        slack(dedupe=5, dedupe_key=words),
        slack(enabled=EnvVar("ON")),
        slack(webserver_base_url="https://ui.example"),
    ],
)
def test_an_alert_is_another_one_with_other_arguments(changed: Sensor) -> None:
    assert fingerprint(changed, None) != fingerprint(slack(), None)
    assert fingerprint(changed, None) == fingerprint(replace(changed), None)


def test_functions_in_an_alert_count_by_their_code() -> None:
    one, same, other = (slack("#ops", "xoxb-1", function) for function in (lambda _: "a", lambda _: "a", lambda _: "b"))

    assert fingerprint(one, None) == fingerprint(same, None) != fingerprint(other, None)


def test_no_secret_is_read_nor_stands_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(slack(), None)
    monkeypatch.setenv("TOKEN", "xoxb-1234")

    assert fingerprint(slack(), None) == before
    assert fingerprint(slack(token="xoxb-1234"), None) == fingerprint(slack(token="xoxb-5678"), None)
