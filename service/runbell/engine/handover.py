"""Gives leases up without losing a result: begins nothing more, settles what runs, and lets go of each sensor then."""

from collections.abc import Collection

import anyio

from runbell.engine.committer import Committer
from runbell.engine.term import Held, Term
from runbell.store.connections import Pool
from runbell.store.daemons import Identity
from runbell.store.sensors import release_leases

# How often a sensor that was still busy is looked at again.
LOOK_SECONDS = 0.01


class Handover:
    """Lets go of sensors, for whoever takes them next."""

    def __init__(self, pool: Pool, term: Term, committer: Committer, identity: Identity) -> None:
        self._pool = pool
        self._term = term
        self._committer = committer
        self._identity = identity

    async def give_up(self, names: Collection[str], seconds: float) -> None:
        """Let go of each of these sensors as soon as it is quiet; those that are not within the time are kept.

        What was handed over but has not begun is not lost: its place has not moved, so the next holder reads it.
        """
        members = [self._term.held[name] for name in names if name in self._term.held]
        for held in members:
            held.lane.hold()
        await self.release([name for name in names if name in self._term.stopped])
        with anyio.move_on_after(seconds):
            while members := await self._release_quiet(members):
                await self._committer.next_settled(LOOK_SECONDS)
        for held in members:
            held.lane.resume()

    async def release(self, names: Collection[str]) -> None:
        """Let go of these leases now, whatever still runs for them."""
        for name in names:
            self._term.drop(name)
        if names:
            await release_leases(self._pool, self._identity.daemon_id, names)

    async def _release_quiet(self, members: list[Held]) -> list[Held]:
        """Release those that have nothing running and nothing to settle; gives the others."""
        quiet = [held for held in members if held.lane.quiet and not held.progress.has_finished]
        await self.release([held.sensor_name for held in quiet])
        return [held for held in members if held not in quiet and not held.dropped]
