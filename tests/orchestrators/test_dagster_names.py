"""Our members beside Dagster's own: each of theirs has ours, equal from either side."""

import dagster as dg
import pytest

import runbell as rb


@pytest.mark.parametrize("name", ["DagsterRunStatus", "DagsterEventType", "DefaultSensorStatus"])
def test_each_of_dagsters_members_is_equal_to_ours(name):
    theirs, ours = getattr(dg, name), getattr(rb, name)

    assert {*theirs.__members__} == {*ours.__members__}
    for their, our in zip(theirs, (ours[member.name] for member in theirs), strict=True):
        assert (their.name, their.value) == (our.name, our.value)
        assert their == our
        assert our == their
        assert (their != our) is (our != their) is False
        assert hash(their) == hash(our)
        assert {their: 1}[our] == {our: 1}[their] == 1
