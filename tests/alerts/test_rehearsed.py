"""In a rehearsal alerts say what they would have sent, send nothing, and need no secret."""

import pytest

import runbell
from runbell.alerts import EnvVar
from runbell.core.rehearsal import Rehearsal, Unsent, rehearsed
from runbell.testing import evaluate

# Nobody listens there, and the secrets are nowhere: whatever tried to send would fail.
NOWHERE = "http://127.0.0.1:9/"
MISSING = EnvVar("NOT_SET_ANYWHERE")


def said(_):
    return "etl is down"


@runbell.run_failure_sensor(name="by_hand")
def by_hand(context):
    runbell.notify(context, MISSING, body="look at it")


SENSORS = {
    "Slack": runbell.make_slack_on_run_failure_sensor("#ops", MISSING, said, base_url=NOWHERE),
    "Teams": runbell.make_teams_on_run_failure_sensor(MISSING, said),
    "mail": runbell.make_email_on_run_failure_sensor(
        "a@example.com", MISSING, ["b@example.com"], lambda _: "etl is down"
    ),
    "Apprise": by_hand,
}


@pytest.mark.parametrize("to", SENSORS)
def test_what_would_have_been_sent_is_noted_and_nothing_is_sent(to):
    with rehearsed(Rehearsal()) as rehearsal:
        evaluated = evaluate(SENSORS[to], job_name="etl", status="FAILURE", message="no space left")

    (unsent,) = rehearsal.unsent
    assert (evaluated.outcome, evaluated.error) == ("acted", None)
    assert (unsent.to, unsent.body) == (to, "look at it" if to == "Apprise" else "etl is down")
    assert isinstance(unsent, Unsent)


@pytest.mark.parametrize("to", SENSORS)
def test_in_earnest_the_same_sensors_fail(to):
    assert evaluate(SENSORS[to], job_name="etl", status="FAILURE").outcome == "failed"
