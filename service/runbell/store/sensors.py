"""Sensors as rows: deploying them, taking and giving up their leases, reading and moving their places."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from runbell.core.filters import Filter
from runbell.core.places import Place, Snapshot
from runbell.core.progress import Settlement
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.places import columns_of, place_of
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class SensorRow:
    """A sensor whose lease is held. `place` is None while it has never been started."""

    sensor_name: str
    lease_epoch: int
    active: bool
    place: Place | None
    former_filter: Filter | None
    filter_since: Snapshot | None


async def deploy_sensors(
    session: Session, filters: Mapping[str, Filter], *, module: str, active: Mapping[str, bool]
) -> None:
    """Make sensors known, each with its filter and whether it is declared running; a new one starts now."""
    names = sorted(filters)
    encoded = [msgspec.json.encode(filters[name].to_dict()).decode() for name in names]
    with translated():
        await session.fetch(statement("deploy_sensors"), names, module, [active[name] for name in names], encoded)


async def take_leases(session: Session, names: Iterable[str], daemon_id: UUID, dead: Sequence[UUID]) -> list[str]:
    """Take the leases that are free or whose holder is one of `dead`; the names of those taken."""
    with translated():
        rows = await session.fetch(statement("take_leases"), sorted(names), daemon_id, list(dead))
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
        None if former is None else Filter.from_dict(msgspec.json.decode(former, type=dict[str, Any])),
        None if row["filter_since"] is None else Snapshot.parse(row["filter_since"]),
    )


async def release_leases(session: Session, daemon_id: UUID) -> None:
    """Give up every lease of a daemon."""
    with translated():
        await session.execute(statement("release_leases"), daemon_id)


async def move_places(session: Session, moves: Sequence[Settlement]) -> set[str]:
    """Write places of sensors that had nothing to evaluate; the names of those that were moved."""
    with translated():
        rows = await session.fetch(statement("move_places"), *fence_columns(moves))
    return {row["sensor_name"] for row in rows}


def fence_columns(settlements: Sequence[Settlement]) -> tuple[list[Any], ...]:
    """Names, epochs, places and new places as ten arrays, in the order of the names (lock order)."""
    ordered = sorted(settlements, key=lambda s: s.sensor_name)
    return (
        [s.sensor_name for s in ordered],
        [s.lease_epoch for s in ordered],
        *columns_of([s.place for s in ordered]),
        *columns_of([s.new_place for s in ordered]),
    )
