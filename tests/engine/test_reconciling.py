"""Who compares what was captured with the orchestrator: the active ones, and a stand-by once it is promoted."""

import asyncpg
import pytest

from runbell.core.leases import Role
from runbell.engine import reconciler, tenure
from runbell.sources import attaching
from support.daemons import running, until
from support.sharing import answering

TABLE = "CREATE TABLE public.app_runs (id bigint PRIMARY KEY, job text NOT NULL, status text NOT NULL)"
SETTINGS = {"schema": "public", "table": "app_runs", "id": "id", "job": "job", "status": "status"}
APP = attaching.Attachment(source="app", kind="table", settings=SETTINGS, trigger="none")


async def test_a_standby_compares_nothing_until_it_is_promoted_and_then_at_once(
    database_url: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    read = reconciler.read_attached
    monkeypatch.setattr(reconciler, "read_attached", lambda session: looks.append(True) or read(session))
    monkeypatch.setattr(tenure, "BEAT_SECONDS", 0.2)
    await connection.execute(TABLE)
    await attaching.attach(connection, APP)
    async with running(database_url, answering("finished"), role=Role.STANDBY) as standby:
        await connection.execute("INSERT INTO public.app_runs VALUES (1, 'j', 'success')")
        await until(lambda: connection.fetchval("SELECT max(beat) FROM runbell.daemons"), lambda beat: beat >= 6)
        assert looks == []

        standby.promote()

        answered = "SELECT count(*) FROM runbell.run_requests AS q JOIN runbell.run_events AS e USING (event_id)"
        await until(lambda: connection.fetchval(answered + " WHERE e.run_id = '1'"), seconds=5)
