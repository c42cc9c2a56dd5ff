"""Places, against the definition: what has been passed, and what is still to come."""

from hypothesis import given
from hypothesis import strategies as st

from runbell.core.events import EventKey
from runbell.core.places import Place, Snapshot
from support.places import passes

xids = st.integers(min_value=3, max_value=40)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    xmin = draw(xids)
    xmax = draw(st.integers(min_value=xmin, max_value=xmin + 12))
    xip = (
        draw(st.frozensets(st.integers(min_value=xmin, max_value=xmax - 1), max_size=5)) if xmax > xmin else frozenset()
    )
    return Snapshot(xmin, xmax, xip)


@given(snapshots())
def test_a_snapshot_survives_its_text_form(snapshot: Snapshot) -> None:
    assert Snapshot.parse(str(snapshot)) == snapshot


@given(snapshots(), xids)
def test_a_snapshot_sees_what_had_ended_and_nothing_else(snapshot: Snapshot, xid: int) -> None:
    running = xid in snapshot.xip
    not_begun = xid >= snapshot.xmax

    assert snapshot.sees(xid) is (not running and not not_begun)


@given(snapshots(), snapshots())
def test_one_snapshot_reaches_another_if_it_sees_all_that_the_other_sees(one: Snapshot, other: Snapshot) -> None:
    sees_all = all(one.sees(xid) for xid in range(3, 60) if other.sees(xid))

    # Running transactions at the very end make no difference to what is seen, but to where the next read begins.
    assert one.reaches(other) == (sees_all and one.xmax >= other.xmax)


@given(snapshots(), snapshots(), xids, st.integers(0, 50), xids, st.integers(0, 50))
def test_i5_a_place_inside_a_read_passes_up_to_its_key_only(
    position: Snapshot, upper: Snapshot, last_xid: int, last_id: int, xid: int, event_id: int
) -> None:
    place = Place(position).at(upper, EventKey(last_xid, last_id))
    passed = passes(place, EventKey(xid, event_id))

    if position.sees(xid):
        assert passed
    elif not upper.sees(xid):
        assert not passed
    else:
        assert passed is ((xid, event_id) <= (last_xid, last_id))


@given(snapshots(), snapshots(), xids)
def test_the_end_of_a_read_passes_all_that_its_snapshot_sees(position: Snapshot, upper: Snapshot, xid: int) -> None:
    inside = Place(position).at(upper, EventKey(5, 5))

    assert passes(inside.end(Snapshot(90, 90)), EventKey(xid, 1)) is upper.sees(xid)
    assert Place(position).end(upper) == Place(upper)
