"""What docs/alerts.md shows works, and what it says of the code is so."""

import re
from pathlib import Path
from typing import Any

import pytest

from runbell.alerts import alerting, email, slack, teams
from runbell.core.sensors import Sensor
from runbell.testing import evaluate
from support.channels import web
from support.house import ROOT
from support.processes import runbell

PAGE = (ROOT / "docs" / "alerts.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

# What Apprise imports is Apprise's business.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture
def sensors(monkeypatch: pytest.MonkeyPatch) -> dict[str, Sensor]:
    """Those of the page, as one module."""
    monkeypatch.delenv("DEPLOYMENT", raising=False)
    module: dict[str, Any] = {}
    exec("\n".join(BLOCKS), module)
    return {sensor.name: sensor for sensor in module.values() if isinstance(sensor, Sensor)}


def test_the_module_loads_and_check_notes_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sensors.py").write_text("\n".join(BLOCKS))
    done = runbell("check", cwd=tmp_path)

    assert done.code == 0, done.stderr
    assert "7 sensors in sensors, no mistakes" in done.stdout
    assert (
        "note      slack_token: the environment variable SLACK_TOKEN is not set: set it for the daemon" in done.stdout
    )
    assert "note      hook_url: the file /run/secrets/teams_hook cannot be read or is empty" in done.stdout
    # Where alerts are switched off, nothing is missing.
    assert "MAIL_PASSWORD" not in done.stdout


def test_they_send_what_they_say(sensors: dict[str, Sensor], monkeypatch: pytest.MonkeyPatch) -> None:
    with web() as place:
        monkeypatch.setenv("TEAMS_HOOK", place.url)
        monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{place.port}")
        for name, happened in (
            ("tell_in_short", {"message": "away"}),
            ("tell_everybody", {}),
            ("tell_of_reports", {"job_name": "report", "status": "SUCCESS"}),
        ):
            evaluated = evaluate(sensors[name], **{"job_name": "load", **happened})  # type: ignore[typeddict-item]
            assert evaluated.outcome == "acted", evaluated.error
        card, failed, succeeded = (posted.document for posted in place.received)

    assert card["attachments"][0]["content"]["body"][0]["text"] == "load failed: away"
    assert (failed["title"], succeeded["title"]) == ("Job load failed", "Job report succeeded")
    assert evaluate(sensors["email_on_run_failure"]).outcome == "skipped"


@pytest.mark.parametrize(
    "said",
    [
        f"text {slack.MOST_TEXT:,} characters, a section {slack.MOST_SECTION:,}, {slack.MOST_BLOCKS} blocks",
        f"| {teams.MOST_TEXT:,} characters |",
        f"subject {email.MOST_SUBJECT} characters, body {email.MOST_BODY:,}",
        f"by default `{slack.BASE_URL}`",
        f"`timeout` is {teams.Way().timeout:g} seconds unless given",
    ],
)
def test_the_limits_are_those_of_the_code(said: str) -> None:
    assert said in PAGE


def test_every_argument_of_all_of_them_is_explained() -> None:
    own = alerting.Alerting.__annotations__.keys() - alerting.Declared.__annotations__.keys()
    old = {"dagit_base_url"}

    assert {argument for argument in own - old if f"`{argument}" not in PAGE} == set()
