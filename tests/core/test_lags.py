"""How far sensors are behind, against the definition: each event, each sensor, one by one."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbell.core.events import EventKey
from runbell.core.filters import Filter, JobPattern
from runbell.core.lags import Kind, Lag, Reader, Recent, is_narrowed, kind_matches, measure_lags
from runbell.core.narrowing import Narrowing
from runbell.core.places import Place, Snapshot
from runbell.core.routing import Subscription
from runbell.testing import made_up_event

xids = st.integers(3, 12)
KINDS = [Kind("FAILURE", "a", None, None), Kind("FAILURE", "b", "shop", "own"), Kind("SUCCESS", "a", "shop", None)]
FILTERS = [
    Filter(frozenset({"FAILURE"})),
    Filter(frozenset({"FAILURE", "SUCCESS"}), (JobPattern("a"),)),
    Filter(frozenset({"SUCCESS"}), None, "shop"),
    Filter(frozenset({"FAILURE"}), own_runs=True),
]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    xmin = draw(xids)
    xmax = draw(st.integers(xmin, xmin + 6))
    running = draw(st.frozensets(st.integers(xmin, xmax - 1), max_size=4)) if xmax > xmin else frozenset()
    return Snapshot(xmin, xmax, running)


@st.composite
def readers(draw: st.DrawFn) -> Reader:
    position = draw(snapshots())
    place = Place(position)
    if draw(st.booleans()):
        upper = draw(snapshots())
        if draw(st.booleans()):
            # As reads leave it: the upper snapshot came later, and something was running then.
            xmax = position.xmax + draw(st.integers(2, 6))
            running = draw(st.frozensets(st.integers(position.xmax, xmax - 1), min_size=1, max_size=2))
            upper = Snapshot(min(running), xmax, running)
        place = place.at(upper, EventKey(draw(st.integers(3, upper.xmax)), draw(st.integers(1, 30))))
    former, since = draw(st.sampled_from([None, *FILTERS])), draw(snapshots())
    return Reader(place, Subscription(draw(st.sampled_from(FILTERS)), former, since if former else None))


@st.composite
def events(draw: st.DrawFn) -> list[Recent]:
    rows = draw(st.lists(st.tuples(xids, st.floats(0, 100), st.sampled_from(KINDS)), min_size=5, max_size=30))
    return [Recent(EventKey(xid, event_id), age, kind) for event_id, (xid, age, kind) in enumerate(rows, start=1)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events(), st.dictionaries(st.sampled_from(["own", "other", "third"]), readers()))
def test_a_lag_is_what_the_place_has_not_passed_and_the_filter_asks_for(
    recent: list[Recent], given_readers: dict[str, Reader]
) -> None:
    measured = measure_lags(recent, given_readers)

    for name, reader in given_readers.items():
        ages = [
            event.age
            for event in recent
            if not reader.place.passes(event.key) and reader.subscription.matches(event_of(event), name)
        ]
        assert measured[name] == Lag(len(ages), max(ages, default=0.0))


def event_of(recent: Recent):
    kind = recent.kind
    event = made_up_event(job_name=kind.job_name, status=kind.status, code_location=kind.code_location)
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**{**fields, "xid": recent.key.xid, "requester": kind.requester})


def test_whether_partition_and_tags_must_be_read_is_told_by_the_filters():
    plain = Filter(frozenset({"SUCCESS"}))
    narrowed = Filter(frozenset({"SUCCESS"}), narrowing=Narrowing(origins=("manual",)))

    assert (is_narrowed([plain]), is_narrowed([plain, narrowed])) == (False, True)


def test_a_kind_is_matched_as_its_events_are():
    kind = Kind("SUCCESS", "etl", None, None)

    assert kind_matches(kind, Filter(frozenset({"SUCCESS"})), "it")
    assert not kind_matches(kind, Filter(frozenset({"FAILURE"})), "it")
