"""Live processes: registering, the heartbeat on the slow timer, and the session lock that tells a death early."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from runbell.core.leases import Peer, Role
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Identity:
    """One process. `daemon_id` is random per start: hosts and settings are shared by processes that are not one.

    Attributes:
        offer: stands for the sensors that it offers and their filters; equal offers share their leases.
    """

    daemon_id: UUID
    module: str
    code_location: str | None
    offer: str
    hostname: str
    pid: int

    @property
    def lock_key(self) -> int:
        """The key of its session lock, a positive bigint."""
        return self.daemon_id.int >> 65

    @property
    def session_suffix(self) -> str:
        """What the application names of all its sessions end with."""
        return session_suffix(self.daemon_id)


def session_suffix(daemon_id: UUID) -> str:
    """What the application names of all sessions of a process end with."""
    return daemon_id.hex[:12]


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What a daemon believes of the sensors that it offers, in one order; epoch 0: it does not hold the lease.

    As columns, because they are sent as such: an object a sensor was half of what a beat with a thousand cost.
    """

    sensor_names: Sequence[str]
    lease_epochs: Sequence[int]
    active: Sequence[bool]
    filter_hashes: Sequence[int]


@dataclass(slots=True)
class Beat:
    """What the slow timer found.

    Attributes:
        known: this daemon still stands in the table.
        peers: the other live daemons.
        lost: sensors whose lease or state is no longer as this daemon believes.
        strays: sensors whose lease it has in the table without knowing of it, from before its database was lost, or
            because the answer to a release was.
        free: there are leases that it may take.
        apart: the sensors that are kept apart, and whether nobody holds their lease.
        undeployed: there are sensors whose deployment nobody answers for any more.
        due: there are retries to call.
    """

    known: bool = False
    peers: dict[UUID, Peer] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    strays: set[str] = field(default_factory=set)
    free: bool = False
    apart: dict[str, bool] = field(default_factory=dict)
    undeployed: bool = False
    due: bool = False


async def register_daemon(
    session: Session, identity: Identity, role: Role, *, locked: bool, arrival: int | None = None
) -> int:
    """This process is live; gives its arrival, which it keeps for as long as it lives.

    Args:
        session: a connection or pool.
        identity: who it is.
        role: what it does.
        locked: it holds its session lock, so that its death can be told by that.
        arrival: what it was given before, when it has been forgotten since.
    """
    lock_key = identity.lock_key if locked else None
    with translated():
        found = await session.fetchval(
            statement("register_daemon"),
            identity.daemon_id,
            role.value,
            lock_key,
            identity.module,
            identity.code_location,
            identity.offer,
            identity.hostname,
            identity.pid,
            arrival,
        )
    return int(found)


async def change_role(session: Session, daemon_id: UUID, role: Role) -> None:
    """What this process does from here on."""
    with translated():
        await session.execute(statement("change_role"), daemon_id, role.value)


@dataclass(frozen=True, slots=True)
class OtherOffer:
    """A sensor that another live daemon offers from another module."""

    sensor_name: str
    module: str
    hostname: str
    pid: int


async def find_other_offer(session: Session, identity: Identity, sensor_names: Iterable[str]) -> OtherOffer | None:
    """Does a live daemon offer one of these sensors from another module?"""
    with translated():
        row = await session.fetchrow(
            statement("find_other_offer"), sorted(sensor_names), identity.module, identity.daemon_id
        )
    return None if row is None else OtherOffer(*row.values())


async def forget_daemon(session: Session, daemon_ids: Sequence[UUID]) -> None:
    """These processes are no longer live."""
    with translated():
        await session.execute(statement("forget_daemon"), list(daemon_ids))


async def hold_session_lock(session: Session, identity: Identity) -> None:
    """Hold this process's lock for as long as the session lives."""
    with translated():
        await session.execute(statement("hold_session_lock"), identity.lock_key)


async def watch_daemon(session: Session, lock_key: int, seconds: float) -> bool:
    """Wait until nobody holds a peer's session lock (True), at most so many seconds."""
    with translated():
        return bool(await session.fetchval(statement("watch_daemon"), lock_key, seconds))


async def terminate_sessions(session: Session, daemon_ids: Iterable[UUID]) -> int:
    """End what is left of the sessions of dead processes; how many there were."""
    with translated():
        return int(await session.fetchval(statement("terminate_sessions"), list(map(session_suffix, daemon_ids))))


async def beat(session: Session, daemon_id: UUID, believed: Beliefs, *, apart: bool, timeout: float) -> Beat:
    """Beat once. `believed`: of all that is offered. `apart`: this daemon holds those that are kept apart.

    Raises:
        StoreUnavailableError: also when there is no answer within `timeout` seconds.
    """
    columns = (believed.sensor_names, believed.lease_epochs, believed.active, believed.filter_hashes)
    with translated():
        rows = await session.fetch(statement("beat"), daemon_id, *columns, apart, timeout=timeout)
    found = Beat()
    for row in rows:
        _take_in(found, *row.values())
    return found


def _take_in(found: Beat, kind: str, name: str, *of_peer: Any) -> None:
    match kind:
        case "peer":
            arrival, beats, age, locked, lock_key, sharing = of_peer
            found.peers[UUID(name)] = Peer(arrival, beats, age, locked, lock_key, sharing)
        case "lost":
            found.lost.add(name)
        case "stray":
            found.strays.add(name)
        case "apart":
            found.apart[name] = bool(of_peer[3])
        case "beat":
            found.known = True
        case "free" | "undeployed" | "due":
            setattr(found, kind, True)
