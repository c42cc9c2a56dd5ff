"""Statuses and types of events are equal to Dagster's own, in both directions, and nothing of Dagster is imported."""

import copy
import pickle
import sys
from enum import Enum
from types import SimpleNamespace

import pytest

from runbell import DagsterEventType, DagsterRunStatus, DefaultSensorStatus

# Built as Dagster builds them: the status a plain enum, the type of an event text.
Statuses = Enum("DagsterRunStatus", {name: name for name in DagsterRunStatus.__members__})
EventTypes = Enum("DagsterEventType", {n: m.value for n, m in DagsterEventType.__members__.items()}, type=str)
Defaults = Enum("DefaultSensorStatus", {"RUNNING": "RUNNING", "STOPPED": "STOPPED"})
PAIRS = [
    *((ours, Statuses[ours.name]) for ours in DagsterRunStatus),
    *((ours, EventTypes[ours.name]) for ours in DagsterEventType),
    *((ours, Defaults[ours.name]) for ours in DefaultSensorStatus),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_a_member_is_equal_to_dagsters_from_either_side(ours, theirs):
    for one, other in ((ours, theirs), (theirs, ours)):
        assert one == other
        assert (one != other) is False
        assert hash(one) == hash(other)
        assert all(one in container for container in ([other], {other}, {other: None}, (other,)))


def test_members_of_other_names_and_of_other_enums_are_different():
    other = Enum("AnotherStatus", {"SUCCESS": "SUCCESS"})

    ours = DagsterRunStatus.SUCCESS
    for different in (Statuses.FAILURE, other.SUCCESS, DefaultSensorStatus.RUNNING, None, 5, "FAILURE"):
        assert ours != different
        assert different != ours
        assert (ours == different) is (different == ours) is False
    assert DefaultSensorStatus.RUNNING != "RUNNING"


def test_a_status_is_its_text_too_and_stays_a_member_of_its_enum():
    assert DagsterRunStatus.SUCCESS == "SUCCESS"
    assert "SUCCESS" == DagsterRunStatus.SUCCESS  # noqa: SIM300 - the direction is what is tested
    assert str(DagsterRunStatus.SUCCESS) == "DagsterRunStatus.SUCCESS"
    assert DagsterRunStatus("SUCCESS") is DagsterRunStatus(Statuses.SUCCESS) is DagsterRunStatus.SUCCESS
    assert pickle.loads(pickle.dumps(DagsterRunStatus.SUCCESS)) is DagsterRunStatus.SUCCESS
    for unknown in ("PAUSED", Enum("Another", {"SUCCESS": "SUCCESS"}).SUCCESS):
        with pytest.raises(ValueError, match="is not a valid DagsterRunStatus"):
            DagsterRunStatus(unknown)


def test_an_event_type_has_dagsters_name_and_its_stored_value():
    assert (DagsterEventType.RUN_FAILURE.name, DagsterEventType.RUN_FAILURE.value) == (
        "RUN_FAILURE",
        "PIPELINE_FAILURE",
    )
    assert DagsterEventType.PIPELINE_FAILURE is DagsterEventType.RUN_FAILURE
    assert str(DagsterEventType.RUN_FAILURE) == "DagsterEventType.RUN_FAILURE"


@pytest.mark.parametrize("ours", [DagsterRunStatus.SUCCESS, DagsterEventType.RUN_FAILURE, DefaultSensorStatus.RUNNING])
def test_where_dagster_is_loaded_its_checks_of_types_take_ours(monkeypatch, ours):
    loaded = SimpleNamespace(DagsterRunStatus=Statuses, DagsterEventType=EventTypes, DefaultSensorStatus=Defaults)
    own = type(ours)

    monkeypatch.setitem(sys.modules, "dagster", loaded)
    assert isinstance(ours, getattr(loaded, own.__name__))
    assert isinstance(ours, own)
    assert pickle.loads(pickle.dumps(ours)) is copy.deepcopy(ours) is ours

    for partly in (SimpleNamespace(), None):
        monkeypatch.setitem(sys.modules, "dagster", partly)
        assert not isinstance(ours, getattr(loaded, own.__name__))
        assert isinstance(ours, own)
        assert ours.__class__ is own
