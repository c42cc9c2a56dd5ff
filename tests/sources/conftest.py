"""What the tests of sources share: Dagster's tables, attached or not, and what was captured."""

import asyncpg
import pytest

from runbell.sources import attaching
from runbell.sources.attached import read_attached
from runbell.sources.reconciling import close_gaps
from support.dagster_tables import TABLES, DagsterTables

DAGSTER = attaching.Attachment(source="dagster", kind="dagster", settings={"schema": "public"})


class Captured:
    """What stands in run_events, and what the reconciler adds."""

    def __init__(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.session = session

    async def statuses(self, run_id: str) -> list[str]:
        """The recorded statuses of a run, in recorded order."""
        query = "SELECT status FROM runbell.run_events WHERE run_id = $1 ORDER BY event_id"
        return [row["status"] for row in await self.session.fetch(query, run_id)]

    async def last(self) -> asyncpg.Record:
        """The newest event."""
        return await self.session.fetchrow("SELECT * FROM runbell.run_events ORDER BY event_id DESC LIMIT 1")

    async def count(self) -> int:
        return await self.session.fetchval("SELECT count(*) FROM runbell.run_events")

    async def close_gaps(self, session: "asyncpg.Connection[asyncpg.Record] | None" = None) -> int:
        """A round of the reconciler over every attached source."""
        sources = await read_attached(session or self.session)
        return sum([await close_gaps(session or self.session, source) for source in sources])


@pytest.fixture
def captured(connection):
    return Captured(connection)


@pytest.fixture
async def tables(connection):
    """Dagster's tables, not attached."""
    await connection.execute(TABLES)
    return DagsterTables(connection)


@pytest.fixture
async def dagster(connection, tables):
    """Dagster's tables, attached."""
    await attaching.attach(connection, DAGSTER)
    return tables


@pytest.fixture
async def other(database_url):
    """A second session in the same database."""
    session = await asyncpg.connect(database_url)
    yield session
    await session.close()
