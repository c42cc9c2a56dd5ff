"""Ticks: the record of what was committed for each sensor, and when."""

from collections.abc import Mapping

from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.listings import Listed, listed
from runbell.store.statements import statement


async def list_ticks(session: Session, sensor_name: str, limit: int) -> list[Listed]:
    """The newest ticks of a sensor."""
    with translated():
        return listed(await session.fetch(statement("list_ticks"), sensor_name, limit))


async def read_recent_ticks(
    session: Session, most: Mapping[str, int], seconds: float
) -> dict[str, list[tuple[float, int]]]:
    """By sensor, how long ago how many of its evaluations were committed; so many ticks of each, the newest."""
    names = sorted(most)
    with translated():
        rows = await session.fetch(statement("read_recent_ticks"), names, [most[name] for name in names], seconds)
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in names}
    for row in rows:
        found[row["sensor_name"]].append((row["age"], row["evaluations"]))
    return found
