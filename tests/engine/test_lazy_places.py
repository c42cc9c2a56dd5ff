"""Places that are moved past what nobody asked for: now and then, and when a daemon stops."""

import asyncpg
import pytest
import structlog

from runbell.engine import service
from support.answering import once
from support.daemons import record, running, until
from support.holders import passed

Session = asyncpg.Connection
REFUSED = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'a deadlock' USING ERRCODE = 'deadlock_detected'; END $$;
    CREATE TRIGGER refuse BEFORE UPDATE ON runbell.sensors FOR EACH ROW
    WHEN (OLD.position::text IS DISTINCT FROM NEW.position::text) EXECUTE FUNCTION refuse()
"""


async def test_a_place_that_the_database_did_not_let_move_is_moved_later(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def told(what: str) -> bool:
        return any(entry["event"] == what for entry in logs)

    async def moved() -> bool:
        return ("once", event_id) in await passed(connection)

    monkeypatch.setattr(service, "LAZY_PLACES_SECONDS", 0.05)
    with structlog.testing.capture_logs() as logs:
        async with running(database_url, once):
            await connection.execute(REFUSED)
            event_id = await record(connection, "r", "FAILURE")
            await until(lambda: told("commit_repeated"))
            await connection.execute("DROP TRIGGER refuse ON runbell.sensors")
            await until(moved)

    assert not await told("database_lost")
    assert await connection.fetchrow("SELECT last_outcome, last_evaluated_at FROM runbell.sensors") == (None, None)
    assert await connection.fetchval("SELECT count(*) FROM runbell.ticks") == 0
