"""What the pages of the console look into: a page of rows at a time, each found by an index, however many there are."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement

# By name of column; times as ISO 8601 text, since what somebody wrote there may be one that Python has no value for.
Row: TypeAlias = Mapping[str, object]
# Of a sensor with very many evaluations or requests only so many are looked at.
SCANNED = 5000


async def read_sensor(session: Session, sensor_name: str) -> Row | None:
    """One sensor; None if there is none of this name."""
    return _first(await _rows(session, statement("read_sensor"), sensor_name, SCANNED))


async def page_ticks(session: Session, sensor_name: str, before: int | None, limit: int) -> list[Row]:
    """Ticks of a sensor, the newest first, from before this tick on."""
    return await _rows(session, statement("page_ticks"), sensor_name, before, limit)


async def page_waiting_evaluations(session: Session, sensor_name: str, limit: int) -> list[Row]:
    """Evaluations of a sensor that wait or run."""
    return await _rows(session, statement("page_waiting_evaluations"), sensor_name, SCANNED, limit)


async def page_dead_letters(session: Session, sensor_name: str | None, before: int | None, limit: int) -> list[Row]:
    """Dead letters, the newest first, from before this one on."""
    return await _rows(session, statement("page_dead_letters"), sensor_name, before, limit)


async def read_dead_letter(session: Session, evaluation_id: int) -> Row | None:
    """One dead letter; None if there is none of this id."""
    return _first(await _rows(session, statement("read_dead_letter"), evaluation_id))


async def page_run_requests(
    session: Session, wanted: str, sensor_name: str | None, before: int | None, limit: int
) -> list[Row]:
    """Requests, the newest first, from before this one on; `wanted`: any, open, ended or launched."""
    return await _rows(session, statement("page_run_requests"), wanted, sensor_name, before, limit, SCANNED)


async def read_run_request(session: Session, request_id: int) -> Row | None:
    """One request; None if there is none of this id."""
    return _first(await _rows(session, statement("read_run_request"), request_id))


async def search_runs(session: Session, run_id: str, source: str | None) -> list[Row]:
    """The runs of this id."""
    return await _rows(session, statement("search_runs"), run_id, source)


async def _rows(session: Session, text: str, *values: object) -> list[Row]:
    with translated():
        return [dict(row) for row in await session.fetch(text, *values)]


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None
