"""Removes old rows, a page at a time. What may go, the statements decide by themselves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import anyio.lowlevel
import asyncpg

from runbell.core.events import RunEvent
from runbell.core.filters import Filter
from runbell.core.narrowing import tags_of
from runbell.core.retention import Kind, Retention
from runbell.store.connections import Session, in_one_transaction
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.overview import filter_of
from runbell.store.statements import statement

# Rows looked at by one statement: a few milliseconds, in which locks are held and the oldest snapshot is its.
SCANNED = 1_000
SHOWN_SENSORS = 100


@dataclass(frozen=True, slots=True)
class Swept:
    """What one statement did.

    Attributes:
        removed: so many rows are gone.
        after: the key that it got to; None: there was nothing more to look at.
        lost: by sensor, the events that it asked for among those that are gone and that it had not passed.
    """

    removed: int
    after: tuple[Any, ...] | None
    lost: Mapping[str, int] = field(default_factory=dict)


async def claim_retention(session: Session, every_seconds: float) -> bool:
    """Begin a round; False when one has begun within so many seconds."""
    with translated():
        return await session.fetchrow(statement("claim_retention"), every_seconds) is not None


async def sweep(session: Session, kind: Kind, retention: Retention, after: tuple[Any, ...] | None) -> Swept:
    """Remove what may go of the next rows behind a key; None: of the first.

    Raises:
        StatementAbortedError: the server gave it up; it had no effect.
        StoreUnavailableError: the database cannot be reached.

    Example:
        swept = await sweep(session, "ticks", Retention(ticks=3600.0), None)
    """
    age = retention.age_of(kind)
    if age is None:
        return Swept(0, None)
    if kind == "events":
        return await expire_events(session, age, retention.held_age, after or (0, 0))
    if kind == "runs":
        return await expire_runs(session, age, after or ("", ""))
    expire = expire_requests if kind == "requests" else expire_ticks
    return await expire(session, age, after or (0,))


async def expire_events(session: Session, age: float, held_age: float, after: tuple[Any, ...]) -> Swept:
    """Events older than `age` that all have passed, or older than `held_age` that only stopped sensors have not."""
    # Together, or what is gone would be counted for nobody if this process ended in between.
    with translated():
        async with in_one_transaction(session) as one:
            *found, done = await one.fetch(statement("expire_events"), *after, age, held_age, SCANNED)
            losses = await _losses_in(found)
            if losses:
                await add_expired_events(one, losses)
    # In the order of transactions, which is about that of their ages: behind a page of young ones there is no old one.
    more = done["events"] == SCANNED and done["old"] > 0
    return Swept(done["removed"], (done["xid"], done["event_id"]) if more else None, losses)


async def _losses_in(found: Sequence[asyncpg.Record]) -> Counter[str]:
    """By sensor, the events that it asked for: from the places of stopped sensors and the kinds of what went there."""
    standing = {row["place"]: _by_filter(row) for row in found if row["place"] is not None}
    losses: Counter[str] = Counter()
    for row in found[len(standing) :]:
        event = _event_of(row)
        tags = tags_of(event)
        for wanted, sensor_names in chain.from_iterable(standing[place] for place in row["places"]):
            # Whether it had requested the run itself is not asked any more: such events count too.
            if wanted.matches(event, "", tags):
                losses.update(dict.fromkeys(sensor_names, row["events"]))
        # Thousands of sensors may be looked at; others get their turn.
        await anyio.lowlevel.checkpoint()
    return losses


def _by_filter(place: asyncpg.Record) -> list[tuple[Filter, list[str]]]:
    """The sensors that stand there; those with the same filter are looked at once."""
    names: dict[str, list[str]] = {}
    for sensor_name, stored in zip(place["sensor_names"], place["filters"], strict=True):
        names.setdefault(stored, []).append(sensor_name)
    return [(filter_of(stored), sensor_names) for stored, sensor_names in names.items()]


async def add_expired_events(session: Session, losses: Mapping[str, int]) -> None:
    """Keep how much these sensors have lost."""
    with translated():
        await session.execute(statement("add_expired_events"), list(losses), list(losses.values()))


async def expire_requests(session: Session, age: float, after: tuple[Any, ...]) -> Swept:
    """Requests that were done with so long ago, and whose events are gone."""
    with translated():
        rows = await session.fetch(statement("expire_requests"), *after, age, SCANNED)
    return _by_age(*rows)


async def expire_ticks(session: Session, age: float, after: tuple[Any, ...]) -> Swept:
    """Ticks older than `age`."""
    with translated():
        rows = await session.fetch(statement("expire_ticks"), *after, age, SCANNED)
    return _by_age(*rows)


async def expire_runs(session: Session, age: float, after: tuple[Any, ...]) -> Swept:
    """Runs that nobody has heard of for so long, without any event that is left."""
    with translated():
        (done,) = await session.fetch(statement("expire_runs"), *after, age, SCANNED)
    # In the order of their names: any of them may be old.
    return Swept(done["removed"], (done["source"], done["run_id"]) if done["events"] == SCANNED else None)


async def measure_tables(session: Session) -> list[Listed]:
    """What the tables hold and take, the greatest first."""
    with translated():
        return listed(await session.fetch(statement("measure_tables")))


async def find_holding_sensors(session: Session, age: float) -> list[Listed]:
    """The sensors that keep events older than `age` from being removed, those that hold the oldest first."""
    with translated():
        return listed(await session.fetch(statement("find_holding_sensors"), age, SHOWN_SENSORS))


def _by_age(done: asyncpg.Record) -> Swept:
    more = done["events"] == SCANNED and done["old"] > 0
    return Swept(done["removed"], (done["last_id"],) if more else None)


def _event_of(row: asyncpg.Record) -> RunEvent:
    """What a filter looks at, common to all events of the row; no single one is meant."""
    return RunEvent(
        event_id=0,
        xid=0,
        source="",
        run_id="",
        job_name=row["job_name"],
        code_location=row["code_location"],
        status=row["status"],
        native_status=row["status"],
        partition_key=row["partition_key"],
        tags=row["tags"] or "{}",
        message=None,
        error=None,
        recorded_at=0.0,
        requester=None,
    )
