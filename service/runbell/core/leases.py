"""Tells which peers have died and how many leases each replica should hold. No wall clock decides: only beats and our
own monotonic clock, and a holder that is wrongly taken for dead is fenced off by the epoch anyway."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

# A beat that has not moved for so long ends the lease.
LEASE_SECONDS = 9.0
# A session lock free for so long, while the beat stands still, ends it early. Not at once: a live process that has lost
# its connection takes the lock again when it reconnects.
LOCK_FREE_SECONDS = 0.25
# Alone, and with peers: at most 12 and 24 statements a minute, what the watcher asks and the slow reads included.
BEAT_SECONDS = 6.0
BEAT_SECONDS_WITH_PEERS = 4.0


class Role(StrEnum):
    """What a daemon does.

    Attributes:
        ACTIVE: shares the leases with the other active ones.
        STANDBY: is warm, holds no lease, and waits to be promoted.
        APART: holds the leases of sensors that are kept apart from the others.
        LEAVING: drains; takes nothing and gives up what it holds.
    """

    ACTIVE = "active"
    STANDBY = "standby"
    APART = "apart"
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class Peer:
    """Another live daemon, as the slow timer has just found it.

    Attributes:
        arrival: daemons that came later have a greater one.
        beat: moves while it lives.
        age: seconds since its last beat, by the server's clock.
        locked: its session lock is held; None: it holds none, notifications do not reach it.
        lock_key: the key of that lock.
        sharing: it is active and offers the same sensors, with the same filters, as this daemon.
    """

    arrival: int
    beat: int
    age: float
    locked: bool | None
    lock_key: int | None = None
    sharing: bool = False


@dataclass(frozen=True, slots=True)
class _Observed:
    beat: int
    moved_at: float
    free_since: float | None


class PeerWatch:
    """What has been seen of each peer so far."""

    def __init__(self) -> None:
        self._observed: dict[UUID, _Observed] = {}
        self._looked_at: float | None = None

    def observe(self, now: float, peers: Mapping[UUID, Peer]) -> set[UUID]:
        """Take in what was found of each peer; gives those that have died."""
        self._observed = {name: self._next(now, name, peer) for name, peer in peers.items()}
        self._looked_at = now
        return {name for name, seen in self._observed.items() if _dies_at(seen) <= now}

    def next_death(self) -> float | None:
        """When the first of the peers counts as dead unless it is seen to live; None without peers."""
        return min(map(_dies_at, self._observed.values()), default=None)

    def _next(self, now: float, name: UUID, peer: Peer) -> _Observed:
        before = self._observed.get(name)
        free_since = None if peer.locked is not False else now
        if before is None or before.beat != peer.beat:
            return _Observed(peer.beat, self._moved_at(now, peer, known=before is not None), free_since)
        if free_since is not None and before.free_since is not None:
            free_since = before.free_since
        return _Observed(peer.beat, before.moved_at, free_since)

    def _moved_at(self, now: float, peer: Peer, *, known: bool) -> float:
        """It has moved since the last look; the server's clock only tells when within that time."""
        if not known or self._looked_at is None:
            return now
        return min(max(now - peer.age, self._looked_at), now)


def _dies_at(seen: _Observed) -> float:
    ends = seen.moved_at + LEASE_SECONDS
    return ends if seen.free_since is None else min(ends, seen.free_since + LOCK_FREE_SECONDS)


def quota(sensors: int, arrival: int, sharing: Collection[int]) -> int:
    """How many of the sensors a daemon should hold: all shares differ by one at most, and add up.

    Args:
        sensors: how many there are to share.
        arrival: its own; the first to come have the greater shares.
        sharing: the arrivals of the others that share them.

    Example:
        >>> [quota(10, arrival, {1, 2, 3} - {arrival}) for arrival in (1, 2, 3)]
        [4, 3, 3]
    """
    share, rest = divmod(sensors, len(sharing) + 1)
    rank = sum(other < arrival for other in sharing)
    return share + (rank < rest)


def watched(arrival: int, peers: Collection[Peer]) -> Peer | None:
    """The peer whose session lock a daemon watches: the next in order of arrival, and after the last the first.

    So each is watched by exactly one other, however many there are.
    """
    locking = [peer for peer in peers if peer.lock_key is not None]
    after = [peer for peer in locking if peer.arrival > arrival]
    return min(after or locking, key=lambda peer: peer.arrival, default=None)
