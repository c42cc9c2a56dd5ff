"""When a peer counts as dead, by what one observer has seen of it."""

from uuid import UUID

from runbell.core.leases import LEASE_SECONDS, LOCK_FREE_SECONDS, PeerWatch

PEER = UUID(int=1)


def test_a_peer_that_beats_and_holds_its_lock_lives() -> None:
    watch = PeerWatch()

    assert all(not watch.observe(float(second), {PEER: (second, True)}) for second in range(60))


def test_a_beat_that_stands_still_ends_the_lease_after_its_time_whatever_the_lock_says() -> None:
    watch = PeerWatch()
    watch.observe(0.0, {PEER: (5, True)})

    assert not watch.observe(LEASE_SECONDS - 0.01, {PEER: (5, True)})
    assert watch.observe(LEASE_SECONDS, {PEER: (5, True)}) == {PEER}


def test_a_free_lock_ends_the_lease_early_but_not_at_once() -> None:
    watch = PeerWatch()

    assert not watch.observe(0.0, {PEER: (5, False)})
    assert watch.suspicious()
    assert not watch.observe(LOCK_FREE_SECONDS / 2, {PEER: (5, False)})
    assert watch.observe(LOCK_FREE_SECONDS, {PEER: (5, False)}) == {PEER}


def test_a_lock_that_is_taken_again_or_a_beat_clears_the_suspicion() -> None:
    watch = PeerWatch()
    watch.observe(0.0, {PEER: (5, False)})
    watch.observe(0.1, {PEER: (5, True)})

    assert not watch.observe(0.3, {PEER: (5, False)})
    assert not watch.observe(0.5, {PEER: (6, False)})
    assert watch.observe(0.75, {PEER: (6, False)}) == {PEER}
