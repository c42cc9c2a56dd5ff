"""Live processes: registering, the heartbeat on the slow timer, and the session lock that tells a death early."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Identity:
    """One process. `daemon_id` is random per start: hosts and settings are shared by processes that are not one."""

    daemon_id: UUID
    module: str
    code_location: str | None
    hostname: str
    pid: int

    @property
    def lock_key(self) -> int:
        """The key of its session lock, a positive bigint."""
        return self.daemon_id.int >> 65


@dataclass(slots=True)
class Beat:
    """What the slow timer found.

    Attributes:
        known: this daemon still stands in the table.
        peers: by daemon, its beat and whether its session lock is held.
        leases: sensors whose lease or state is not as this daemon believes.
        due: there are retries to call.
    """

    known: bool = False
    peers: dict[UUID, tuple[int, bool]] = field(default_factory=dict)
    leases: set[str] = field(default_factory=set)
    due: bool = False


async def register_daemon(session: Session, identity: Identity) -> None:
    """This process is live."""
    with translated():
        await session.execute(
            statement("register_daemon"),
            identity.daemon_id,
            identity.lock_key,
            identity.module,
            identity.code_location,
            identity.hostname,
            identity.pid,
        )


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


async def beat(session: Session, daemon_id: UUID, believed: Sequence[tuple[str, int, bool]], *, timeout: float) -> Beat:
    """Beat once. `believed`: each sensor of the module with the epoch that it is held under (0: not) and its state.

    Raises:
        StoreUnavailableError: also when there is no answer within `timeout` seconds.
    """
    names = [name for name, _, _ in believed]
    with translated():
        rows = await session.fetch(
            statement("beat"),
            daemon_id,
            names,
            [epoch for _, epoch, _ in believed],
            [active for _, _, active in believed],
            timeout=timeout,
        )
    found = Beat()
    for kind, name, beats, locked in rows:
        if kind == "beat":
            found.known = True
        elif kind == "peer":
            found.peers[UUID(name)] = (beats, locked)
        elif kind == "lease":
            found.leases.add(name)
        elif kind == "due":
            found.due = True
    return found
