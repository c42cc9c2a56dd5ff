"""Dagster's own resources in Runbell's sensors: set up and torn down as Dagster would, by Dagster."""

from typing import Any

import dagster
import pytest

from runbell import RunRequest, run_failure_sensor, run_status_sensor
from runbell.core.binding import bound
from runbell.testing import build_run_status_sensor_context, evaluate
from support.daemons import record, requested_keys, running, until

NOTED: list[str] = []
pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore::DeprecationWarning")]


class Credentials(dagster.ConfigurableResource):  # type: ignore[misc]
    token: str


class Slack(dagster.ConfigurableResource):  # type: ignore[misc]
    channel: str
    credentials: Credentials

    def setup_for_execution(self, context: dagster.InitResourceContext) -> None:
        NOTED.append("set up")

    def teardown_after_execution(self, context: dagster.InitResourceContext) -> None:
        NOTED.append("torn down")

    def said(self) -> str:
        return f"{self.channel} {self.credentials.token}"


@dagster.resource(config_schema={"channel": str})
def older(context: dagster.InitResourceContext) -> Any:
    NOTED.append("set up")
    yield context.resource_config["channel"]
    NOTED.append("torn down")


@run_status_sensor("SUCCESS", request_job="j")
def plain(context: Any, slack: Slack) -> RunRequest:
    NOTED.append("called")
    return RunRequest(run_key=slack.said())


@run_status_sensor("SUCCESS", request_job="j")
async def waits(context: Any, slack: Slack) -> RunRequest:
    NOTED.append("called")
    return RunRequest(run_key=slack.said())


@run_status_sensor("SUCCESS", request_job="j")
def alone(slack: Slack) -> RunRequest:
    NOTED.append("called")
    return RunRequest(run_key=slack.said())


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    NOTED.clear()
    monkeypatch.setenv("THE_TOKEN", "t0ken")


def slack() -> Slack:
    return Slack(channel="#alerts", credentials=Credentials(token=dagster.EnvVar("THE_TOKEN")))


@pytest.mark.parametrize("sensor", [plain, waits, alone])
def test_a_configurable_resource_is_set_up_configured_and_torn_down(sensor: Any) -> None:
    evaluated = evaluate(sensor, resources={"slack": slack()})

    assert (evaluated.outcome, evaluated.error) == ("requested", None)
    assert evaluated.requests[0].run_key == "#alerts t0ken"
    assert NOTED == ["set up", "called", "torn down"]


def test_a_resource_of_the_older_kind_gives_what_it_yields() -> None:
    @run_failure_sensor(required_resource_keys={"channel"})
    def alert(context: Any, channel: dagster.ResourceParam[str]) -> None:
        assert channel == context.resources.channel
        NOTED.append(channel)

    assert evaluate(alert, resources={"channel": older.configured({"channel": "#old"})}).outcome == "acted"
    assert NOTED == ["set up", "#old", "torn down"]


def test_a_missing_variable_is_the_failure_of_the_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THE_TOKEN")

    failed = evaluate(plain, resources={"slack": slack()})

    assert (failed.outcome, failed.final) == ("failed", False)
    assert "THE_TOKEN" in (failed.error or "")


def test_a_context_of_a_test_has_it() -> None:
    context = build_run_status_sensor_context(resources={"slack": slack()})

    assert plain(context).run_key == "#alerts t0ken"


async def test_a_running_daemon_gives_it_to_sensors_of_both_kinds(database_url: str, connection: Any) -> None:
    declared = {"slack": slack()}

    async with running(database_url, bound(plain, declared), bound(waits, declared), bound(alone, declared)):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), (["#alerts t0ken"] * 3).__eq__)

    assert sorted(NOTED) == ["called"] * 3 + ["set up"] * 3 + ["torn down"] * 3
