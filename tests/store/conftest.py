"""What the tests of retention share: sensors at their places, and events of an age."""

import pytest

from support.daemons import record
from support.old_rows import Place


@pytest.fixture
def place(connection):
    return Place(connection)


@pytest.fixture
def old(connection):
    async def record_old(run_id="old", status="SUCCESS", *, hours=1.0, **more):
        """A status change that was recorded so long ago; its event id."""
        event_id = await record(connection, run_id, status, **more)
        ago = f"clock_timestamp() - make_interval(secs => {hours * 3600})"
        await connection.execute(f"UPDATE runbell.run_events SET recorded_at = {ago} WHERE event_id = $1", event_id)
        await connection.execute(
            f"UPDATE runbell.runs SET updated_at = {ago}, ended_at = {ago} WHERE run_id = $1", run_id
        )
        return event_id

    return record_old
