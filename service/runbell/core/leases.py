"""Tells which peers have died, from what is observed of them. No wall clock decides: only beats and our own monotonic
clock, and a holder that is wrongly taken for dead is fenced off by the epoch anyway."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

# A beat that has not moved for so long ends the lease.
LEASE_SECONDS = 7.0
# A session lock free for so long, while the beat stands still, ends it early. Not at once: a live process that has lost
# its connection takes the lock again when it reconnects.
LOCK_FREE_SECONDS = 0.25
# Alone, and with peers: at most 12 and 24 statements a minute, the fallback reads of the tail included.
BEAT_SECONDS = 6.0
BEAT_SECONDS_WITH_PEERS = 3.0


@dataclass(frozen=True, slots=True)
class _Observed:
    beat: int
    moved_at: float
    free_since: float | None


class PeerWatch:
    """What has been seen of each peer so far."""

    def __init__(self) -> None:
        self._observed: dict[UUID, _Observed] = {}

    def observe(self, now: float, peers: Mapping[UUID, tuple[int, bool]]) -> set[UUID]:
        """Take in each peer's beat and whether its session lock is held; gives those that have died."""
        self._observed = {peer: self._next(now, peer, *seen) for peer, seen in peers.items()}
        return {peer for peer, seen in self._observed.items() if _is_dead(now, seen)}

    def suspicious(self) -> bool:
        """Is there a peer whose lock is free? Then look again soon."""
        return any(seen.free_since is not None for seen in self._observed.values())

    def _next(self, now: float, peer: UUID, beat: int, locked: bool) -> _Observed:  # noqa: FBT001 - unpacked
        before = self._observed.get(peer)
        if before is None or before.beat != beat:
            return _Observed(beat, now, None if locked else now)
        if locked:
            return _Observed(beat, before.moved_at, None)
        return _Observed(beat, before.moved_at, before.free_since if before.free_since is not None else now)


def _is_dead(now: float, seen: _Observed) -> bool:
    if now - seen.moved_at >= LEASE_SECONDS:
        return True
    return seen.free_since is not None and now - seen.free_since >= LOCK_FREE_SECONDS
