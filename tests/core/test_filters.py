"""Filters: which events reach a sensor."""

import json
from dataclasses import replace
from fnmatch import fnmatchcase

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell.core.filters import Filter, JobPattern
from runbell.testing import made_up_event

NAMES = some.sampled_from(["etl", "etl_orders", "load", "report"])
LOCATIONS = some.none() | some.sampled_from(["here", "there"])
PATTERNS = some.builds(JobPattern, some.sampled_from(["*", "etl", "etl_*", "[el]*", "load"]), LOCATIONS)
FILTERS = some.builds(
    Filter,
    statuses=some.frozensets(some.sampled_from(["SUCCESS", "FAILURE"]), min_size=1),
    jobs=some.none() | some.lists(PATTERNS, max_size=3).map(tuple),
    scope=LOCATIONS,
    own_runs=some.booleans(),
)


def event(job_name="etl", location=None, status="SUCCESS", requester=None):
    made = made_up_event(job_name=job_name, code_location=location, status=status)
    return msgspec.structs.replace(made, requester=requester)


@pytest.mark.parametrize(
    ("scope", "location", "seen"),
    [(None, None, True), (None, "there", True), ("here", None, True), ("here", "here", True), ("here", "there", False)],
)
def test_a_scope_sees_its_own_runs_and_those_that_name_none(scope, location, seen):
    assert Filter(frozenset({"SUCCESS"}), scope=scope).matches(event(location=location), "s") is seen
    bare = Filter(frozenset({"SUCCESS"}), (JobPattern("etl"),), scope)
    assert bare.matches(event(location=location), "s") is seen


def test_a_job_with_its_location_is_seen_beyond_the_scope():
    watching = Filter(frozenset({"SUCCESS"}), (JobPattern.parse("there:etl"),), scope="here")

    assert watching.matches(event(location="there"), "s")
    assert not watching.matches(event(location="here"), "s")
    assert not watching.matches(event(location=None), "s")


def test_runs_that_a_sensor_requested_itself_are_not_its_events_unless_it_asks():
    watching = Filter(frozenset({"SUCCESS"}))

    assert not watching.matches(event(requester="me"), "me")
    assert watching.matches(event(requester="another"), "me")
    assert replace(watching, own_runs=True).matches(event(requester="me"), "me")


@given(FILTERS)
def test_a_filter_comes_back_from_its_stored_form(watching):
    stored = watching.to_dict()

    found = Filter.read(json.dumps(stored))
    assert found
    assert found.to_dict() == stored
    assert found.statuses == watching.statuses


@pytest.mark.parametrize(
    "stored",
    [
        *("", "{", "[]", "null", "{}", "[" * 5000),
        '{"statuses": 1, "jobs": null, "scope": null, "own_runs": false}',
        '{"statuses": [], "jobs": [[1, 2]], "scope": null, "own_runs": false}',
    ],
)
def test_what_is_no_filter_is_none(stored):
    assert Filter.read(stored) is None


@given(FILTERS, some.builds(event, NAMES, LOCATIONS, some.sampled_from(["SUCCESS", "FAILURE"])))
def test_a_filter_means_what_its_parts_mean(watching, happened):
    in_scope = watching.scope is None or happened.code_location in (None, watching.scope)
    if watching.jobs is None:
        wanted = in_scope
    else:
        wanted = any(
            fnmatchcase(happened.job_name, pattern.job_name)
            and (in_scope if pattern.code_location is None else happened.code_location == pattern.code_location)
            for pattern in watching.jobs
        )

    assert watching.matches(happened, "s") is (wanted and happened.status in watching.statuses)


@given(FILTERS, some.builds(event, NAMES, LOCATIONS))
def test_exact_jobs_leave_out_nothing_that_matches(watching, happened):
    exact = watching.exact_jobs()

    if exact is not None and watching.matches(happened, "s"):
        assert happened.job_name in exact
