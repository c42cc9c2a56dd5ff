"""Old rows, sensors that have passed them or not, and what retention leaves of them."""

import json

from runbell.core.filters import Filter
from runbell.core.retention import KINDS, Retention
from runbell.store.retention import sweep

# A moment, and a day, in days' stead.
SHORT = Retention(events=1.0, requests=1.0, ticks=1.0, stopped=86_400.0)
FILTER = json.dumps(Filter(frozenset({"SUCCESS"})).to_dict())


class Place:
    """One row of `sensors` and what it has to do with the others."""

    def __init__(self, session):
        self.session = session

    async def add(self, name, *, state="running", module="a_module"):
        """A sensor that has passed everything up to now."""
        await self.session.execute(
            "INSERT INTO runbell.sensors (sensor_name, module, state, declared_active, filter, filter_hash, position) "
            "VALUES ($1, $2, $3, true, $4, 1, pg_current_snapshot())",
            *(name, module, state, FILTER),
        )

    async def move(self, name):
        """It has passed everything up to now."""
        await self.session.execute(
            "UPDATE runbell.sensors SET position = pg_current_snapshot() WHERE sensor_name = $1", name
        )


async def remove(session, retention=SHORT, kinds=KINDS):
    """All that may go; the number of rows of each kind, and what sensors have lost."""
    removed, lost = {}, {}
    for kind in kinds:
        after, count = None, 0
        while True:
            swept = await sweep(session, kind, retention, after)
            count += swept.removed
            lost |= swept.lost
            after = swept.after
            if after is None:
                break
        removed[kind] = count
    return removed, lost


async def left(session, table="run_events", column="run_id"):
    return sorted(row[0] for row in await session.fetch(f"SELECT {column} FROM runbell.{table}"))
