"""An upgrade with rows in every table: from each earlier schema to the newest one, after which the work goes on.

And the way back: this version on a schema that a later one has expanded.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import anyio
import asyncpg
import pytest

from runbell import RunRequest, run_status_sensor
from runbell.core.errors import SchemaBehindError
from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim
from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions
from runbell.ops import schema
from runbell.store.sensors import Offered, encoded
from support.commands import command
from support.daemons import evaluations, record, requested_keys, running, until
from support.requests import until_state
from support.upgrades import REVISIONS, script_up_to

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# Rows of the tables that no function fills. A later table joins where a migration makes it.
ROWS = {
    "sensors": """
        INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position, lease_holder)
        VALUES ('answer', 'a_module', true, $1, $2, pg_current_snapshot(), '00000000-0000-0000-0000-000000000001')
    """,
    "daemons": """
        INSERT INTO runbell.daemons (daemon_id, lock_key, module, offer, hostname, pid)
        VALUES ('00000000-0000-0000-0000-000000000001', 1, 'a_module', 'offer', 'host', 1)
    """,
    "ticks": """
        INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed)
        VALUES ('answer', 1, 3, 1, 0, 0, 2)
    """,
    "evaluations": """
        INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, due_at, error)
        VALUES ('answer', 1, 'retry', 1, clock_timestamp(), 'away'), ('answer', 2, 'dead', 10, NULL, 'away')
    """,
    "run_requests": """
        INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key)
        VALUES ('answer', 3, 0, 'sql', 'next', 'claimed')
    """,
    "run_keys": "INSERT INTO runbell.run_keys (sensor_name, run_key, request_id) VALUES ('answer', 'claimed', 1)",
    "notices": "INSERT INTO runbell.notices (sensor_name, notifier) VALUES ('answer', 'digest')",
    "sources": "INSERT INTO runbell.sources (source, kind) VALUES ('theirs', 'table')",
    "overtaken": "INSERT INTO runbell.overtaken (source, run_id, status) VALUES ('theirs', 'r', 'SUCCESS')",
    "paused_targets": "INSERT INTO runbell.paused_targets (target) VALUES ('elsewhere')",
    "alerts": "INSERT INTO runbell.alerts (sensor_name, alert_key, claimed_until) VALUES ('alert', 'j', 'infinity')",
    "troubles": "INSERT INTO runbell.troubles (sensor_name, kind, notifier) VALUES ('answer', 'behind', 'digest')",
}


@run_status_sensor(run_status="SUCCESS", request_job="next")
def answer(context: Any) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_an_older_schema_is_brought_up_to_date_with_all_its_rows(empty_database_url: str, revision: str) -> None:
    session = await asyncpg.connect(empty_database_url)
    await session.execute(script_up_to(revision))
    await fill(session)
    (claim,) = await session.fetch("SELECT request_id, attempts FROM runbell.claim_run_requests('old', 1, '1 hour')")
    before = await read_rows(session)
    assert [table for table, rows in before.items() if not rows] == []
    with pytest.raises(SchemaBehindError, match=f"is at revision {revision}, .* needs {REVISIONS[-1]}: run"):
        await schema.wait_for_schema(empty_database_url)

    assert await schema.migrate(empty_database_url) == (revision, REVISIONS[-1])

    after = await read_rows(session)
    del before["alembic_version"]
    for table, rows in before.items():
        assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows, table
    async with running(empty_database_url, answer):
        await record(session, "new")
        # What waited for its retry, came before the upgrade, and after it; not again for the key that was taken.
        wanted = ["claimed", "new", "retried", "waited"]
        await until(lambda: requested_keys(session), lambda keys: keys == wanted)
        # A launcher that had claimed a request before the upgrade completes it.
        assert await session.fetchval("SELECT runbell.complete_run_request($1, $2, 'r')", *claim.values())
    assert [row["state"] for row in await evaluations(session)] == ["dead"]
    await session.close()


async def test_a_later_schema_that_has_been_expanded_is_worked_with(database_url: str, connection: Session) -> None:
    tables = await read_rows(connection)
    for table in tables:
        await connection.execute(f"ALTER TABLE runbell.{table} ADD COLUMN later text NOT NULL DEFAULT 'expanded'")
    await connection.execute("CREATE TABLE runbell.of_later (later text)")
    await connection.execute("UPDATE runbell.alembic_version SET version_num = '9999'")

    assert await schema.migrate(database_url) == ("9999", "9999")
    await schema.wait_for_schema(database_url)
    async with running(database_url, answer), launching(database_url):
        await record(connection, "r1")
        await until_state(connection, 1, "launched")
    for command_line in (["status"], ["sensors", "show", "answer"], ["requests", "list"], ["launchers", "list"]):
        assert (await command(database_url, *command_line)).code == 0


@asynccontextmanager
async def launching(url: str) -> AsyncIterator[None]:
    class Target:
        async def launch(self, request: QueuedRequest, _claim: Claim) -> str:
            return f"run-{request.request_id}"

        async def in_progress(self) -> int:
            return 0

    async with anyio.create_task_group() as tasks:
        await tasks.start(LaunchLoop(url, Target(), LaunchOptions(consumer="test", targets=None)).run)
        yield
        tasks.cancel_scope.cancel()


async def fill(session: Session) -> None:
    """Rows in every table: what a daemon that ended just now, a launcher and an orchestrator leave behind."""
    for run_id in ("retried", "dead", "claimed"):
        await record(session, run_id)
    await session.execute("SELECT runbell.record_step_failure('claimed', 'load', '{}')")
    wanted = Offered("answer", answer.filter(None), active=True)
    given = {"sensors": (encoded(wanted.filter), wanted.filter_hash)}
    for table, insert in ROWS.items():
        if await session.fetchval("SELECT to_regclass('runbell.' || $1) IS NOT NULL", table):
            await session.execute(insert, *given.get(table, ()))
    for run_id in ("waited", "claimed"):
        await record(session, run_id)


async def read_rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the schema."""
    tables = await session.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'runbell'::regnamespace AND relkind = 'r'"
    )
    found = {}
    for (table,) in tables:
        rows = await session.fetch(f"SELECT to_jsonb(t)::text FROM runbell.{table} AS t ORDER BY t::text")
        found[str(table)] = [json.loads(row[0]) for row in rows]
    return found
