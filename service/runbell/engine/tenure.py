"""Keeps the leases: takes those that are free, beats, notices peers that died and leases that are no longer ours."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from uuid import UUID

import anyio
import structlog

from runbell.core.errors import SettingsError
from runbell.core.leases import BEAT_SECONDS, BEAT_SECONDS_WITH_PEERS, LOCK_FREE_SECONDS, PeerWatch
from runbell.engine.deployment import Deployment
from runbell.engine.doorbell import Doorbell
from runbell.engine.listener import Listener
from runbell.engine.retries import Retries
from runbell.engine.term import Term
from runbell.store.connections import Pool
from runbell.store.daemons import (
    Beat,
    OtherOffer,
    beat,
    find_other_offer,
    forget_daemon,
    register_daemon,
)
from runbell.store.sensors import SensorRow, deploy_sensors, read_sensors, take_leases

log = structlog.get_logger()
# A beat without an answer in this time: the session is half open, and this daemon not the owner from then on.
BEAT_DEADLINE_SECONDS = 5.0
# So many names stand in one log event.
NAMED = 20

Adopt = Callable[[Sequence[SensorRow]], Awaitable[None]]


class Tenure:
    """The leases of one process, for one term."""

    def __init__(self, listener: Listener, pool: Pool, deployment: Deployment, term: Term, adopt: Adopt) -> None:
        self._listener = listener
        self._pool = pool
        self._deployment = deployment
        self._identity = deployment.identity
        self._term = term
        self._adopt = adopt
        self._watch = PeerWatch()
        self._soon = Doorbell()

    def doubt(self, _: str) -> None:
        """A settlement did not take effect for this sensor: look whether it is still ours."""
        self._soon.ring()

    async def begin(self) -> None:
        """Be known as live, make the sensors known, and take what is free."""
        offered = self._deployment
        self._refuse_doubled(await find_other_offer(self._pool, self._identity, offered.filters))
        await register_daemon(self._pool, self._identity)
        await deploy_sensors(self._pool, offered.filters, module=self._identity.module, active=offered.active)
        await self._take(offered.filters, ())

    def _refuse_doubled(self, other: OtherOffer | None) -> None:
        if other is not None:
            raise SettingsError(
                f"sensor {other.sensor_name!r} of module {self._identity.module!r} is already offered by module "
                f"{other.module!r} (process {other.pid} on {other.hostname}): give each its own RUNBELL_CODE_LOCATION"
            )

    async def run(self, retries: Retries) -> None:
        """Beat for ever; ends only with the term."""
        interval = 0.0
        while True:
            await self._soon.wait(interval)
            found = await self._beat()
            if found.due:
                retries.look()
            await self._regain(found)
            interval = self._interval(found)

    async def _beat(self) -> Beat:
        believed = [(name, self._term.epoch_of(name), name in self._term.held) for name in self._deployment.filters]
        found = await beat(self._listener.session, self._identity.daemon_id, believed, timeout=BEAT_DEADLINE_SECONDS)
        if not found.known:
            # A peer took us for dead. Our leases are gone or will be fenced; we begin again as a new arrival.
            await register_daemon(self._pool, self._identity)
        return found

    async def _regain(self, found: Beat) -> None:
        """Give up what is not as we believe, and take what is free, the leases of dead peers included."""
        dead = self._watch.observe(anyio.current_time(), found.peers)
        lost = [name for name in found.leases if self._term.drop(name)]
        if lost:
            log.warning("lease_lost", sensors=lost[:NAMED], count=len(lost))
        if found.leases:
            await self._take(found.leases, tuple(dead))
        if dead:
            await forget_daemon(self._pool, tuple(dead))

    async def _take(self, names: Iterable[str], dead: Sequence[UUID]) -> None:
        taken = await take_leases(self._pool, names, self._identity.daemon_id, dead)
        if not taken:
            return
        # In a statement of its own, begun after the taking has committed: together they miss what was just settled.
        rows = await read_sensors(self._pool, taken, self._identity.daemon_id)
        await self._adopt(rows)
        log.info("lease_taken", sensors=[row.sensor_name for row in rows[:NAMED]], count=len(rows))

    def _interval(self, found: Beat) -> float:
        if self._watch.suspicious():
            return LOCK_FREE_SECONDS / 2
        return BEAT_SECONDS_WITH_PEERS if found.peers else BEAT_SECONDS
