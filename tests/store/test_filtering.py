"""What a read of events leaves out by a sensor's filter is what routing would not give it."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from runbell.core.filters import Filter, JobPattern
from runbell.core.narrowing import ORIGIN_TAGS, ORIGINS, Narrowing, TagPattern
from runbell.core.places import Place, Snapshot
from runbell.core.pushing import pushed
from runbell.core.routing import Routes, Subscription
from runbell.store.events import read_events

NAMES = ["etl", "etl_orders", "etl-[1]", "a.b", "report", "ré\nport", "x^", "\\d"]
VALUES = ["", "data", "data-1", "a%b", "[x]", "ü", "a\nb", "null", "1.0"]
MARKS = "etlrpoabdx_-.*?[]!^\\é1%\n"
GLOBS = some.sampled_from([*NAMES, *VALUES[1:], "etl*", "*", "?", "e[s-u]l", "[!e]*", "data-[0-9]", "[]x]", "[z-a]"])
GLOBS |= some.text(MARKS, min_size=1, max_size=5)
KEYS = ["team", "a key", 'quoted"', *(tag for tag, _ in ORIGIN_TAGS)]
LOCATIONS = [None, "eu", "us"]
JOBS = some.builds(JobPattern, GLOBS, some.none() | some.sampled_from(["eu", "u*", "[!u]?"]))
TAGS = some.builds(
    TagPattern, some.sampled_from(KEYS), some.lists(GLOBS, max_size=2).map(lambda v: tuple(sorted(v))), some.booleans()
)
NARROWINGS = some.builds(
    Narrowing,
    some.lists(TAGS, max_size=2).map(tuple),
    some.lists(GLOBS, max_size=2).map(tuple),
    some.sets(some.sampled_from(ORIGINS), max_size=3).map(lambda given: tuple(sorted(given))),
)
FILTERS = some.builds(
    Filter,
    statuses=some.frozensets(some.sampled_from(["SUCCESS", "FAILURE"]), min_size=1),
    jobs=some.none() | some.lists(JOBS, min_size=1, max_size=3).map(tuple),
    scope=some.sampled_from(LOCATIONS),
    excluded=some.lists(JOBS, max_size=2).map(tuple),
    narrowing=some.none() | NARROWINGS.filter(lambda narrowing: narrowing != Narrowing()),
)
ODD_TAGS = ['["team"]', '"team"', '{"team": null}', '{"team": 1.0}', '{"team": {"a": "ü"}}', '{"team": [1, 2]}', "{}"]


@pytest.fixture
async def recorded(connection):
    """Many runs of every kind, also such as only a hand can put in."""
    rows = []
    for number in range(300):
        tags = {key: VALUES[(number + place) % len(VALUES)] for place, key in enumerate(KEYS) if number >> place & 1}
        if number % 5 == 0:
            tags["dagster/partition"] = VALUES[number % len(VALUES)]
        text = ODD_TAGS[number // 11 % len(ODD_TAGS)] if number % 11 == 0 else json.dumps(tags)
        key = VALUES[number % 7] if number % 4 == 0 else None
        status = "FAILURE" if number % 3 else "SUCCESS"
        rows.append((f"r{number}", NAMES[number % len(NAMES)], LOCATIONS[number % 3], status, key, text))
    await connection.executemany(
        "INSERT INTO runbell.run_events"
        " (source, run_id, job_name, code_location, status, native_status, partition_key, tags)"
        " VALUES ('sql', $1, $2, $3, $4, $4, $5, $6::jsonb)",
        rows,
    )
    return connection


async def read(connection, filters=None):
    page = await read_events(connection, Place(Snapshot(1, 1)), filters=filters)
    assert not page.full
    return page.events


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.lists(FILTERS, min_size=1, max_size=3))
async def test_a_read_and_routing_agree_on_every_filter(recorded, wanted):
    filters = pushed(wanted)
    if filters is None:
        return
    routes = Routes({str(number): Subscription(one) for number, one in enumerate(wanted)})

    found = {event.event_id for event in await read(recorded, filters)}

    assert found == {event.event_id for event in await read(recorded) if routes.wanted_by(event)}


async def test_the_events_of_the_test_are_told_apart(recorded):
    events = await read(recorded)

    def count(**asked):
        return sum(Filter(frozenset({"SUCCESS", "FAILURE"}), **asked).matches(event, "s") for event in events)

    assert len(events) == 300
    for origin in ORIGINS:
        assert 0 < count(narrowing=Narrowing(origins=(origin,))) < 300
    assert 0 < count(narrowing=Narrowing(partitions=("data*",))) < count(narrowing=Narrowing(partitions=("*",))) < 300
    assert 0 < count(narrowing=Narrowing((TagPattern("team", ("1.0",)),))) < 300
    assert count(excluded=(JobPattern("etl*"),)) == 300 - count(jobs=(JobPattern("etl*"),))
