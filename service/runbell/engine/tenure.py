"""Keeps the leases: shares them with the other replicas, beats, notices peers that died and leases that are lost."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from uuid import UUID

import anyio
import structlog

from runbell.core.errors import SettingsError
from runbell.core.leases import BEAT_SECONDS, BEAT_SECONDS_WITH_PEERS, Peer, PeerWatch, Role, quota, watched
from runbell.core.shadowing import refusal
from runbell.engine.deployment import Deployment
from runbell.engine.handover import Handover
from runbell.engine.listener import Listener
from runbell.engine.membership import Membership
from runbell.engine.retries import Retries
from runbell.engine.term import Term
from runbell.engine.watcher import Watcher
from runbell.store.connections import Pool
from runbell.store.daemons import (
    Beat,
    Beliefs,
    beat,
    change_role,
    find_other_offer,
    forget_daemon,
    register_daemon,
    terminate_sessions,
)
from runbell.store.sensors import SensorRow, deploy_sensors, read_sensors, set_apart, take_leases

log = structlog.get_logger()
# A beat without an answer in this time: the session is half open, and this daemon not the owner from then on.
BEAT_DEADLINE_SECONDS = 5.0
# A moment after a peer counts as dead, so that looking then finds it so.
AFTER_SECONDS = 0.005
# What is busy for longer than this stays where it is; it is tried again with the next beat.
HAND_OVER_SECONDS = 1.0
# So many names stand in one log event.
NAMED = 20

Adopt = Callable[[Sequence[SensorRow]], Awaitable[None]]


class Tenure:
    """The leases of one process, for one term."""

    def __init__(
        self,
        listener: Listener,
        pool: Pool,
        deployment: Deployment,
        membership: Membership,
        term: Term,
        *,
        adopt: Adopt,
        handover: Handover,
        watcher: Watcher | None,
    ) -> None:
        self._listener = listener
        self._pool = pool
        self._deployment = deployment
        self._identity = deployment.identity
        self._membership = membership
        self._term = term
        self._adopt = adopt
        self._handover = handover
        self._watcher = watcher
        self._watch = PeerWatch()
        self._role = membership.role
        self._hashes = {name: offered.filter_hash for name, offered in deployment.offered.items()}

    def look(self, _: str = "") -> None:
        """Something may have changed: a settlement did not take effect, a peer has come or gone."""
        self._membership.told.ring()

    async def begin(self) -> None:
        """Be known as live, make the sensors known, and take what is free."""
        other = await find_other_offer(self._pool, self._identity, self._deployment.offered)
        if other is not None:
            process = f"process {other.pid} on {other.hostname}"
            raise SettingsError(refusal(other.sensor_name, self._identity.module, other.module, process))
        await self._register()
        await self._deploy()
        self._found = await self._turn()

    async def run(self, retries: Retries) -> None:
        """Beat for ever; ends only with the term."""
        found = self._found
        while True:
            if found.due:
                retries.look()
            await self._membership.told.wait(self._interval(found))
            found = await self._turn()

    async def leave(self) -> None:
        """Take nothing from here on: the others share without this daemon."""
        self._membership.role = self._role = Role.LEAVING
        await change_role(self._pool, self._identity.daemon_id, Role.LEAVING)

    async def _register(self) -> None:
        member = self._membership
        member.arrival = await register_daemon(
            self._pool, self._identity, member.role, locked=self._listener.direct, arrival=member.arrival
        )

    async def _deploy(self) -> None:
        assert self._membership.arrival is not None  # noqa: S101 - it has been registered
        await deploy_sensors(
            self._pool, list(self._deployment.offered.values()), self._identity, self._membership.arrival
        )

    async def _turn(self) -> Beat:
        """Beat, and act on what was found."""
        await self._obey()
        found = await self._beat()
        dead = self._watch.observe(anyio.current_time(), found.peers) | self._membership.dead
        if dead:
            await terminate_sessions(self._pool, dead)
        living = {peer: seen for peer, seen in found.peers.items() if peer not in dead}
        self._drop(found.lost)
        await self._share(found, living, dead)
        if dead:
            await forget_daemon(self._pool, tuple(dead))
            self._membership.dead -= dead
        self._watch_next(living)
        return found

    async def _obey(self) -> None:
        """Do what was said from outside."""
        member = self._membership
        marks, member.marks = member.marks, {}
        if marks:
            leaving = [name for name in self._term.held if marks.get(name, member.apart) is not member.apart]
            await self._handover.give_up(leaving, HAND_OVER_SECONDS)
            for apart in (True, False):
                await set_apart(self._pool, [name for name in marks if marks[name] is apart], apart=apart)
        if self._role is not member.role:
            self._role = member.role
            await change_role(self._pool, self._identity.daemon_id, member.role)

    async def _beat(self) -> Beat:
        names, held, epoch_of = list(self._hashes), self._term.held, self._term.epoch_of
        believed = Beliefs(names, [*map(epoch_of, names)], [*map(held.__contains__, names)], [*self._hashes.values()])
        member = self._membership
        async with self._listener.turn:
            found = await beat(
                self._listener.session,
                self._identity.daemon_id,
                believed,
                apart=member.apart,
                timeout=BEAT_DEADLINE_SECONDS,
            )
        if member.role is Role.LEAVING:
            # Whoever has left must not be registered again by a last beat.
            return found
        if not found.known:
            # A peer took us for dead. Our leases are gone or will be fenced; we begin again as a new arrival.
            await self._register()
            self.look()
        elif found.undeployed:
            await self._deploy()
            self.look()
        return found

    def _drop(self, names: Collection[str]) -> None:
        lost = [name for name in names if self._term.drop(name)]
        if lost:
            log.warning("lease_lost", sensors=lost[:NAMED], count=len(lost))

    async def _share(self, found: Beat, living: dict[UUID, Peer], dead: Collection[UUID]) -> None:
        """Take what is missing to this daemon's share, or give up what is beyond it."""
        room = self._room(found, living)
        if room > 0 and (found.free or dead):
            await self._take(room, dead)
        elif room < 0:
            await self._handover.give_up(self._most_idle(-room), HAND_OVER_SECONDS)
        # In the table they are those of a daemon that lives: without this nobody would ever take them.
        await self._handover.release([name for name in found.strays if not self._term.epoch_of(name)])

    def _room(self, found: Beat, living: dict[UUID, Peer]) -> int:
        """How many leases are missing to this daemon's share; below zero: beyond it."""
        member = self._membership
        if member.apart:
            return len(member.only - set(self._term.leases))
        # Promoted a moment ago, it takes nothing before the sensors that went apart have been marked.
        if self._role is not Role.ACTIVE or member.arrival is None:
            return 0
        if member.on_apart is not None:
            member.on_apart(frozenset(name for name, free in found.apart.items() if free))
        sharing = {peer.arrival for peer in living.values() if peer.sharing}
        return quota(len(self._hashes) - len(found.apart), member.arrival, sharing) - len(self._term.leases)

    def _most_idle(self, count: int) -> list[str]:
        """Those that are let go of most quickly; of equals those that come last by name."""
        held = self._term.held
        names = sorted(self._term.leases, reverse=True)
        return sorted(names, key=lambda name: held[name].progress.pending if name in held else 0)[:count]

    async def _take(self, count: int, dead: Collection[UUID]) -> None:
        member = self._membership
        wanted = (
            {name: self._hashes[name] for name in member.only & set(self._hashes)} if member.apart else self._hashes
        )
        daemon_id = self._identity.daemon_id
        missing = {name: hash_ for name, hash_ in wanted.items() if not self._term.epoch_of(name)}
        taken = await take_leases(self._pool, daemon_id, missing, dead=dead, apart=member.apart, count=count)
        if not taken:
            return
        # In a statement of its own, begun after the taking has committed: together they miss what was just settled.
        rows = await read_sensors(self._pool, taken, daemon_id)
        await self._adopt(rows)
        log.info("lease_taken", sensors=[row.sensor_name for row in rows[:NAMED]], count=len(rows))

    def _watch_next(self, living: dict[UUID, Peer]) -> None:
        if self._watcher is not None and self._membership.arrival is not None:
            peer = watched(self._membership.arrival, list(living.values()))
            self._watcher.watch(None if peer is None else peer.lock_key)

    def _interval(self, found: Beat) -> float:
        interval = BEAT_SECONDS_WITH_PEERS if found.peers else BEAT_SECONDS
        death = self._watch.next_death()
        if death is None:
            return interval
        return min(interval, max(death - anyio.current_time(), 0) + AFTER_SECONDS)
