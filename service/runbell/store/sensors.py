"""Sensors as rows: deploying them, taking and giving up their leases, reading and moving their places."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

import asyncpg
import msgspec

from runbell.core.filters import Filter
from runbell.core.places import Place, Snapshot
from runbell.store.connections import Session
from runbell.store.daemons import Identity
from runbell.store.failures import translated
from runbell.store.places import place_of
from runbell.store.statements import statement


def encoded(wanted: Filter) -> str:
    """The stored form of a filter; equal filters have equal ones."""
    return msgspec.json.encode(wanted.to_dict()).decode()


@dataclass(frozen=True, slots=True)
class Offered:
    """A sensor that a module declares, and whether code and settings have it run."""

    sensor_name: str
    filter: Filter
    active: bool

    @property
    def filter_hash(self) -> int:
        """Stands for the filter, as a positive bigint."""
        return int.from_bytes(sha256(encoded(self.filter).encode()).digest()[:8]) >> 1


def offer_of(offered: Iterable[Offered]) -> str:
    """Stands for all that a process offers; equal offers may share their leases."""
    hashes = sorted((one.sensor_name, one.filter_hash) for one in offered)
    return sha256(repr(hashes).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class SensorRow:
    """A sensor whose lease is held. `place` is None while it has never been started.

    Attributes:
        started: by an operator, whatever code and settings say.
    """

    sensor_name: str
    lease_epoch: int
    active: bool
    place: Place | None
    former_filter: Filter | None
    filter_since: Snapshot | None
    started: bool = False


async def deploy_sensors(session: Session, offered: Sequence[Offered], identity: Identity, arrival: int) -> None:
    """Make sensors known; a new one starts now, a changed filter applies from now.

    Changes nothing for sensors that a daemon which arrived later has deployed, for as long as that lives.
    """
    ordered = sorted(offered, key=lambda one: one.sensor_name)
    with translated():
        await session.execute(
            statement("deploy_sensors"),
            [one.sensor_name for one in ordered],
            identity.module,
            [one.active for one in ordered],
            [encoded(one.filter) for one in ordered],
            [one.filter_hash for one in ordered],
            identity.code_location,
            identity.daemon_id,
            arrival,
        )


async def take_leases(
    session: Session,
    daemon_id: UUID,
    hashes: Mapping[str, int],
    *,
    dead: Collection[UUID] = (),
    apart: bool = False,
    count: int,
) -> list[str]:
    """Take up to `count` leases that are free or whose holder is one of `dead`; the names of those taken.

    `hashes`: the filters of the sensors that may be taken.
    """
    names = sorted(hashes)
    with translated():
        rows = await session.fetch(
            statement("take_leases"), daemon_id, names, [hashes[name] for name in names], list(dead), apart, count
        )
    return [row["sensor_name"] for row in rows]


async def read_sensors(session: Session, names: Iterable[str], daemon_id: UUID) -> list[SensorRow]:
    """The sensors among `names` whose leases the daemon holds. Call it in a statement after taking them."""
    with translated():
        rows = await session.fetch(statement("read_sensors"), sorted(names), daemon_id)
    return [_sensor_of(row) for row in rows]


def _sensor_of(row: asyncpg.Record) -> SensorRow:
    former = row["former_filter"]
    return SensorRow(
        row["sensor_name"],
        row["lease_epoch"],
        row["active"],
        None if row["position"] is None else place_of(row),
        None if former is None else Filter.read(former),
        None if row["filter_since"] is None else Snapshot.parse(row["filter_since"]),
        row["started"],
    )


async def read_sensor_settings(session: Session) -> dict[str, str]:
    """What operators have decided of each sensor: `declared`, `running` or `stopped`, by name."""
    with translated():
        return {row["sensor_name"]: row["state"] for row in await session.fetch(statement("read_sensor_settings"))}


async def release_leases(session: Session, daemon_id: UUID, names: Iterable[str]) -> None:
    """Give up leases of a daemon, and tell the others."""
    with translated():
        await session.execute(statement("release_leases"), daemon_id, sorted(names))


async def set_apart(session: Session, names: Iterable[str], *, apart: bool) -> None:
    """Keep sensors apart from the others from here on, or no longer."""
    with translated():
        await session.execute(statement("set_apart"), sorted(names), apart)


@dataclass(frozen=True, slots=True)
class ChangedState:
    """A sensor that was started, stopped or released: what its state comes to, and came to before."""

    sensor_name: str
    active: bool
    was_active: bool


async def change_sensor_states(session: Session, names: Iterable[str], state: str) -> list[ChangedState]:
    """Set the state of sensors (`declared`, `running`, `stopped`) and raise their epochs; those that there are."""
    with translated():
        rows = await session.fetch(statement("change_sensor_states"), sorted(names), state)
    return [ChangedState(*row.values()) for row in rows]
