"""Recorded history for who evaluates it anew without leaving a trace: events, and what was requested for them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runbell.core.backtests import Asked
from runbell.core.events import RunEvent
from runbell.store.connections import Session
from runbell.store.events import event_of
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class History:
    """Which recorded events: of a time (seconds since 1970), of a run."""

    since: float | None = None
    until: float | None = None
    run_id: str | None = None


async def read_recorded_events(
    session: Session, history: History, statuses: Iterable[str] | None, *, after: int, count: int
) -> list[RunEvent]:
    """A page of events of these statuses (None: of all), in the order of their ids."""
    wanted = None if statuses is None else sorted(statuses)
    with translated():
        rows = await session.fetch(
            statement("read_recorded_events"), history.since, history.until, history.run_id, wanted, after, count
        )
    return [event_of(row) for row in rows]


async def list_recorded_requests(
    session: Session, sensor_name: str, event_ids: Sequence[int]
) -> dict[int, list[Asked]]:
    """What a sensor requested for these events at the time, by event."""
    with translated():
        rows = await session.fetch(statement("list_recorded_requests"), sensor_name, list(event_ids))
    found: dict[int, list[Asked]] = {}
    for row in rows:
        found.setdefault(row["event_id"], []).append(Asked(row["job_name"], row["run_key"], row["partition_key"]))
    return found
