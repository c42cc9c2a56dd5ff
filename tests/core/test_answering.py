"""Who answers a sensor: what Dagster's tables, the code and an operator's decisions come to."""

import pytest

from runbell.core.answering import DagsterState, answering
from runbell.core.sensors import DefaultSensorStatus, Sensor


def sensor(default, *, native=True):
    return Sensor(
        name="alert",
        function=print,
        statuses=frozenset({"FAILURE"}),
        default_status=None if default is None else DefaultSensorStatus(default),
        is_native=native,
    )


@pytest.mark.parametrize(
    ("default", "state", "ours", "answers"),
    [
        # Declared running, and nobody has touched it: Dagster answers; so do we.
        ("RUNNING", None, None, (True, True)),
        ("RUNNING", "DECLARED_IN_CODE", None, (True, True)),
        ("RUNNING", "STOPPED", None, (False, True)),
        ("RUNNING", "DECLARED_IN_CODE", "stopped", (True, False)),
        # Says nothing: somebody has to start it, on either side.
        ("STOPPED", None, None, (False, False)),
        ("STOPPED", "DECLARED_IN_CODE", None, (False, False)),
        ("STOPPED", "RUNNING", None, (True, False)),
        ("STOPPED", "RUNNING", "running", (True, True)),
        ("STOPPED", "STOPPED", "running", (False, True)),
    ],
)
def test_who_answers_a_sensor_of_dagsters(default, state, ours, answers):
    theirs = [] if state is None else [DagsterState("alert", "here", state)]
    found = answering(
        sensor(default),
        "here",
        active=default == "RUNNING",
        theirs=theirs,
        ours={} if ours is None else {"here:alert": ours},
    )

    assert (found.dagster, found.runbell) == answers
    assert (found.state, found.twice) == (state, answers == (True, True))
    assert found.to_dict() == {"dagster_state": state, "dagster_active": answers[0], "answers_twice": found.twice}
    assert ("answer twice" in (found.note or "")) is found.twice


def test_only_states_of_its_own_name_and_location_count():
    theirs = [DagsterState("alert", "elsewhere", "RUNNING"), DagsterState("other", "here", "RUNNING")]

    assert not answering(sensor("STOPPED"), "here", active=True, theirs=theirs, ours={}).twice
    assert answering(sensor("STOPPED"), None, active=True, theirs=theirs, ours={}).twice


def test_of_a_sensor_of_our_own_dagster_has_a_signpost_once_it_has_loaded_the_module():
    theirs = [DagsterState("alert", "here", "RUNNING")]
    found = answering(sensor(None, native=False), "here", active=True, theirs=theirs, ours={})

    assert (found.twice, found.dagster) == (False, False)
    assert "only a signpost stands for it" in found.note
    assert answering(sensor(None, native=False), "here", active=True, theirs=[], ours={}).note is None
