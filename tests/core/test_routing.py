"""The index finds exactly the sensors that asking each of them would find."""

import json

from hypothesis import given
from hypothesis import strategies as st

from runbell.core.events import RunEvent
from runbell.core.filters import Filter, JobPattern
from runbell.core.narrowing import Narrowing, TagPattern
from runbell.core.places import Snapshot
from runbell.core.routing import MOST_REMEMBERED, Routes, Subscription

jobs = st.sampled_from(["etl", "etl_a", "etl_b", "report"])
tags = st.sampled_from(["{}", '{"team": "data"}', '{"dagster/backfill": "b"}', "unreadable"])
locations = st.sampled_from([None, "eu", "us"])
statuses = st.sampled_from(["SUCCESS", "FAILURE", "ODD"])
patterns = st.builds(JobPattern, st.sampled_from(["etl", "etl_*", "*", "report", "e?l"]), locations)
filters = st.builds(
    Filter,
    statuses=st.frozensets(statuses, min_size=1),
    jobs=st.none() | st.lists(patterns, min_size=1, max_size=3).map(tuple),
    scope=locations,
    own_runs=st.booleans(),
    excluded=st.lists(patterns, max_size=1).map(tuple),
    narrowing=st.none() | st.sampled_from([Narrowing((TagPattern("team", ("d*",)),)), Narrowing(origins=("manual",))]),
)
snapshots = st.integers(5, 15).map(lambda xmax: Snapshot(xmax, xmax))
subscriptions = st.builds(Subscription, filters, st.none() | filters, snapshots)


def made(job: str, location: str | None, status: str, requester: str | None, xid: int, tags: str = "{}") -> RunEvent:
    return RunEvent(1, xid, "sql", "r", job, location, status, status, None, tags, None, None, 0.0, requester=requester)


events = st.builds(made, jobs, locations, statuses, st.sampled_from([None, "a", "b"]), st.integers(3, 20), tags)


@given(st.dictionaries(st.sampled_from("abcdef"), subscriptions), events)
def test_the_index_finds_what_asking_everybody_finds(offered: dict[str, Subscription], event: RunEvent) -> None:
    asked = {name for name, subscription in offered.items() if subscription.matches(event, name)}
    routes = Routes(offered)
    found = routes.wanted_by(event)

    assert set(found) == asked
    assert len(found) == len(asked) <= routes.reach


@given(st.dictionaries(st.sampled_from("abcdef"), subscriptions), st.lists(events), subscriptions)
def test_what_is_remembered_of_one_event_holds_for_others_like_it_and_no_longer_than_it_is_true(
    offered: dict[str, Subscription], several: list[RunEvent], late: Subscription
) -> None:
    routes = Routes(offered)
    for event in [*several, *several]:
        asked = {name for name, subscription in offered.items() if subscription.matches(event, name)}
        assert set(routes.wanted_by(event)) == asked
    routes.add("late", late)
    offered = {**offered, "late": late}
    for event in several:
        assert set(routes.wanted_by(event)) == {n for n, one in offered.items() if one.matches(event, n)}
    routes.discard("late")
    for event in several:
        assert "late" not in routes.wanted_by(event)


def test_what_is_remembered_is_bounded() -> None:
    routes = Routes({str(number): Subscription(Filter(frozenset({"SUCCESS"}))) for number in range(1_000)})
    most = 0
    for number in range(300):
        assert len(routes.wanted_by(made(f"job {number}", None, "SUCCESS", None, 9))) == 1_000
        most = max(most, sum(len(one.surely) for one in routes._remembered.values()))

    assert 0 < most <= MOST_REMEMBERED


@given(st.dictionaries(st.sampled_from("abcdef"), subscriptions), st.sets(st.sampled_from("abcdef")), events)
def test_who_has_left_is_as_if_he_had_never_been_there(
    offered: dict[str, Subscription], left: set[str], event: RunEvent
) -> None:
    stayed = {name: subscription for name, subscription in offered.items() if name not in left}
    routes = Routes(offered)
    for name in left:
        routes.discard(name)

    assert routes.statuses == Routes(stayed).statuses
    assert_jobs_are_those_asked_for(routes, stayed)
    assert set(routes.wanted_by(event)) == set(Routes(stayed).wanted_by(event))
    for name in left & offered.keys():
        routes.add(name, offered[name])
    assert routes.statuses == Routes(offered).statuses
    assert set(routes.wanted_by(event)) == set(Routes(offered).wanted_by(event))


def assert_jobs_are_those_asked_for(routes: Routes, offered: dict[str, Subscription]) -> None:
    asked = [wanted.exact_jobs() for subscription in offered.values() for wanted in subscription.filters()]
    if None in asked:
        assert routes.jobs is None
    else:
        assert sorted(routes.jobs or []) == sorted({job for jobs in asked if jobs is not None for job in jobs})


named = st.builds(
    Filter,
    st.frozensets(statuses, min_size=1),
    st.lists(st.builds(JobPattern, jobs), min_size=1, max_size=2).map(tuple),
)


@given(st.dictionaries(st.sampled_from("abcdef"), st.builds(Subscription, named)), st.sets(st.sampled_from("abcdef")))
def test_where_everybody_names_his_jobs_no_others_matter(offered: dict[str, Subscription], left: set[str]) -> None:
    routes = Routes(offered)
    for name in left:
        routes.discard(name)

    assert_jobs_are_those_asked_for(routes, {name: one for name, one in offered.items() if name not in left})


def test_of_many_sensors_with_jobs_of_their_own_few_are_reached_at_once() -> None:
    own = {f"own {n}": Subscription(Filter(frozenset({"SUCCESS"}), (JobPattern(f"job {n}"),))) for n in range(50)}
    same = {f"same {n}": Subscription(Filter(frozenset({"FAILURE"}), (JobPattern("job"),))) for n in range(7)}
    all_jobs = {"all": Subscription(Filter(frozenset({"FAILURE"})))}
    globs = {"glob": Subscription(Filter(frozenset({"FAILURE"}), (JobPattern("j*"),)))}

    assert [Routes(ones).reach for ones in ({}, own, own | same, own | same | all_jobs, same | globs)] == [
        0,
        1,
        7,
        8,
        8,
    ]


@given(filters)
def test_a_filter_survives_being_stored(wanted: Filter) -> None:
    stored = Filter.read(json.dumps(wanted.to_dict()))

    assert stored
    assert stored.to_dict() == wanted.to_dict()


def test_a_changed_filter_applies_from_the_moment_that_it_is_deployed() -> None:
    changed = Subscription(Filter(frozenset({"SUCCESS"})), Filter(frozenset({"FAILURE"})), Snapshot(10, 10))

    assert changed.matches(made("j", None, "FAILURE", None, 9), "s")
    assert not changed.matches(made("j", None, "SUCCESS", None, 9), "s")
    assert changed.matches(made("j", None, "SUCCESS", None, 10), "s")
    assert not changed.matches(made("j", None, "FAILURE", None, 10), "s")


def test_a_run_that_names_no_location_is_in_everybodys_scope() -> None:
    scoped = {"s": Subscription(Filter(frozenset({"SUCCESS"}), scope="eu"))}

    assert Routes(scoped).wanted_by(made("j", None, "SUCCESS", None, 9)) == ["s"]
    assert Routes(scoped).wanted_by(made("j", "us", "SUCCESS", None, 9)) == []


def test_a_sensor_does_not_see_runs_that_it_requested_itself_unless_it_asks_to() -> None:
    own = made("j", None, "SUCCESS", "s", 9)

    assert not Filter(frozenset({"SUCCESS"})).matches(own, "s")
    assert Filter(frozenset({"SUCCESS"}), own_runs=True).matches(own, "s")
    assert Filter(frozenset({"SUCCESS"})).matches(own, "another")


def test_the_statuses_that_anybody_asks_for() -> None:
    wanted = [Filter(frozenset({"SUCCESS"})), Filter(frozenset({"FAILURE", "SUCCESS"}))]

    assert Routes({str(number): Subscription(one) for number, one in enumerate(wanted)}).statuses == [
        "FAILURE",
        "SUCCESS",
    ]
