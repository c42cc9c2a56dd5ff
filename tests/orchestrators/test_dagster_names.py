"""Our names beside Dagster's own: each member has ours, each argument and attribute has its row in the docs' table."""

import inspect
import re

import dagster as dg
import pytest

import runbell as rb
from support import parity


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


def arguments(function):
    return [*inspect.signature(function).parameters]


def attributes(kind):
    return [name for name in dir(kind) if not name.startswith("_")]


@pytest.mark.parametrize(
    "names",
    [
        arguments(dg.run_status_sensor),
        arguments(dg.run_failure_sensor),
        arguments(dg.RunStatusSensorDefinition.__init__)[1:],
        attributes(dg.RunStatusSensorContext),
        attributes(dg.RunFailureSensorContext),
        arguments(dg.build_run_status_sensor_context),
        [name for name in arguments(dg.RunRequest.__new__)[1:] if name != "kwargs"],
        [name for name in arguments(dg.SensorResult.__new__)[1:] if name != "kwargs"],
    ],
)
def test_each_of_dagsters_arguments_and_attributes_has_its_row(names):
    items = " ".join(row.item for row in parity.read("dagster") if isinstance(row, parity.Row))

    assert {*names} - {*re.findall(r"\w+", items)} == set()


@pytest.mark.parametrize("name", ["DagsterRun", "DagsterEvent"])
def test_our_runs_and_events_have_dagsters_fields_in_its_order(name):
    from runbell.core.stand_ins import STAND_INS

    assert STAND_INS[name]._fields == getattr(dg, name)._fields


@pytest.mark.parametrize("name", ["JobSelector", "RepositorySelector", "CodeLocationSelector"])
def test_selectors_take_dagsters_arguments(name):
    ours, theirs = getattr(rb, name), getattr(dg, name)
    given = {"location_name": "a", "repository_name": "b", "job_name": "c"}
    given = {argument: given[argument] for argument in arguments(ours)}

    made = theirs(**given)

    assert {argument: getattr(made, argument) for argument in given} == given
    assert rb.run_status_sensor("SUCCESS", "it", monitored_jobs=[made])(lambda context: None).jobs == (
        rb.run_status_sensor("SUCCESS", "it", monitored_jobs=[ours(**given)])(lambda context: None).jobs
    )
