"""When a peer counts as dead, by what one observer has seen of it; who holds how many leases; who watches whom."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from runbell.core.leases import LEASE_SECONDS, LOCK_FREE_SECONDS, Peer, PeerWatch, quota, watched

PEER = UUID(int=1)


def seen(beat: int, *, age: float = 0.0, locked: bool | None = True) -> dict[UUID, Peer]:
    return {PEER: Peer(arrival=1, beat=beat, age=age, locked=locked)}


def test_a_peer_that_beats_and_holds_its_lock_lives() -> None:
    watch = PeerWatch()

    assert all(not watch.observe(float(second), seen(second)) for second in range(60))


def test_a_beat_that_stands_still_ends_the_lease_after_its_time_whatever_the_lock_says() -> None:
    watch = PeerWatch()
    watch.observe(0.0, seen(5))

    assert not watch.observe(LEASE_SECONDS - 0.01, seen(5))
    assert watch.next_death() == LEASE_SECONDS
    assert watch.observe(LEASE_SECONDS, seen(5)) == {PEER}


def test_a_free_lock_ends_the_lease_early_but_not_at_once() -> None:
    watch = PeerWatch()

    assert not watch.observe(0.0, seen(5, locked=False))
    assert watch.next_death() == LOCK_FREE_SECONDS
    assert not watch.observe(LOCK_FREE_SECONDS / 2, seen(5, locked=False))
    assert watch.observe(LOCK_FREE_SECONDS, seen(5, locked=False)) == {PEER}


def test_a_lock_that_is_taken_again_or_a_beat_clears_the_suspicion() -> None:
    watch = PeerWatch()
    watch.observe(0.0, seen(5, locked=False))
    watch.observe(0.1, seen(5))

    assert not watch.observe(0.3, seen(5, locked=False))
    assert not watch.observe(0.5, seen(6, locked=False))
    assert watch.observe(0.75, seen(6, locked=False)) == {PEER}


def test_a_peer_without_a_lock_dies_by_its_beat_alone() -> None:
    watch = PeerWatch()
    watch.observe(0.0, seen(5, locked=None))

    assert not watch.observe(LEASE_SECONDS - 0.01, seen(5, locked=None))
    assert watch.observe(LEASE_SECONDS, seen(5, locked=None)) == {PEER}


def test_the_servers_clock_tells_when_between_two_looks_a_beat_was() -> None:
    watch = PeerWatch()
    watch.observe(0.0, seen(5))

    watch.observe(4.0, seen(6, age=3.0))

    assert watch.next_death() == 1.0 + LEASE_SECONDS


def test_i7_a_servers_clock_that_jumps_ends_no_lease_of_a_peer_that_beats() -> None:
    for age in (-3600.0, 3600.0):
        watch = PeerWatch()
        assert not watch.observe(0.0, seen(0, age=age))
        assert all(not watch.observe(look * 4.0, seen(look, age=age)) for look in range(1, 20))


@given(sensors=st.integers(0, 2000), arrivals=st.sets(st.integers(1, 10**6), min_size=1, max_size=20))
def test_shares_are_even_and_add_up(sensors: int, arrivals: set[int]) -> None:
    shares = [quota(sensors, arrival, arrivals - {arrival}) for arrival in arrivals]

    assert sum(shares) == sensors
    assert max(shares) - min(shares) <= 1


@given(st.sets(st.integers(1, 10**6), min_size=2, max_size=20))
def test_each_daemon_is_watched_by_exactly_one_other(arrivals: set[int]) -> None:
    daemons = [Peer(arrival, 0, 0.0, locked=True, lock_key=arrival) for arrival in arrivals]

    chosen = [watched(one.arrival, [peer for peer in daemons if peer is not one]) for one in daemons]

    assert {peer.arrival for peer in chosen if peer is not None} == arrivals


def test_nobody_is_watched_who_holds_no_lock() -> None:
    assert watched(1, [Peer(2, 0, 0.0, locked=None)]) is None
