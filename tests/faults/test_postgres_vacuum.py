"""I8: idle daemons pin no snapshot, whatever else stays open: nobody's vacuum waits for them.

`WRITER_SECONDS=60` is the goal; the default is short.
"""

import os
import time

import anyio
import asyncpg
import pytest

from support.answering import once, twice
from support.daemons import record, running
from support.writers import answer_time, compare

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(300)
WRITER_SECONDS = float(os.environ.get("WRITER_SECONDS", "12"))
# Less than the writer is open: a snapshot that was kept all the time would be as old as it.
MOST_SECONDS = 10.0
# A snapshot is as old as its transaction: beside an open writer all snapshots name the same oldest transaction, his.
PINNED = (
    "SELECT application_name, extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age, wait_event_type "
    "FROM pg_stat_activity "
    "WHERE application_name LIKE 'runbell%' AND datname = current_database() AND backend_xmin IS NOT NULL"
)


async def test_i8_three_idle_daemons_beside_an_open_writer_pin_nothing(database_url: str, connection: Session) -> None:
    oldest: dict[str, float] = {}
    writer = await asyncpg.connect(database_url)
    daemons = [running(database_url, once, twice) for _ in range(3)]
    async with daemons[0], daemons[1], daemons[2]:
        transaction = writer.transaction()
        await transaction.start()
        await record(writer, "open")
        ends_at = time.monotonic() + WRITER_SECONDS
        while time.monotonic() < ends_at:
            for row in await connection.fetch(PINNED):
                role = row["application_name"].split()[1]
                oldest[role] = max(oldest.get(role, 0.0), row["age"])
            await anyio.sleep(0.02)
        await transaction.commit()
        await answer_time(database_url, time.monotonic(), "after")
        await compare(database_url, ["open", "after"])
    await writer.close()
    print(f"\nopen writer for {WRITER_SECONDS:g} s: oldest snapshot by kind of session {oldest} s")

    assert max(oldest.values(), default=0.0) < MOST_SECONDS
