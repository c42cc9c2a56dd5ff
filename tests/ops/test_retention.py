"""`runbell retention`, as an operator calls it, and whose turn it is to remove what is old."""

import asyncio
import json

import asyncpg
from anyio import to_thread

from runbell.store.retention import claim_retention
from support.daemons import record
from support.processes import runbell

MOMENT = {"RUNBELL_RETENTION_EVENTS_DAYS": "0.00000001", "RUNBELL_RETENTION_TICKS_DAYS": "0.00000001"}


async def run(url, *arguments):
    done = await to_thread.run_sync(lambda: runbell(*arguments, RUNBELL_DATABASE_URL=url, **MOMENT))
    assert (done.code, done.stderr) == (0, "")
    return done.stdout


async def test_what_may_go_is_removed_and_counted(database_url, connection):
    await record(connection, "a")

    assert json.loads(await run(database_url, "retention", "run", "--yes", "--json")) == {
        "rows": {"events": 1, "requests": 0, "ticks": 0, "runs": 1},
        "lost": {},
    }
    assert await run(database_url, "retention", "run", "--yes") == "removed: 0 events, 0 requests, 0 ticks, 0 runs\n"


async def test_it_asks_with_the_ages_first_and_does_nothing_where_nobody_can_answer(database_url, connection):
    await record(connection, "a")

    settings = {"RUNBELL_DATABASE_URL": database_url, "RUNBELL_RETENTION_TICKS_DAYS": "3"}
    done = await to_thread.run_sync(lambda: runbell("retention", "run", "--json", **settings))

    assert (done.code, done.stdout) == (2, "")
    assert (
        "remove for ever what is older than it is kept: events and runs 30 days, requests 30 days, ticks 3 days,"
        " events that only stopped sensors have not passed 90 days:"
        " nothing was done, since there is no terminal to ask on"
    ) in done.stderr
    assert await connection.fetchval("SELECT count(*) FROM runbell.run_events") == 1


async def test_it_shows_sizes_ages_and_who_holds_what(database_url, connection):
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position) "
        """VALUES ('holds', 'm', true, '{"statuses": ["SUCCESS"]}', 1, pg_current_snapshot())"""
    )
    await record(connection, "a")

    shown = await run(database_url, "retention", "show")
    document = json.loads(await run(database_url, "retention", "show", "--json"))

    assert "run_events" in shown
    assert "holds" in shown
    assert [row["sensor_name"] for row in document["holding"]] == ["holds"]
    assert {"run_events", "run_requests", "ticks"} <= {row["table_name"] for row in document["tables"]}
    assert document["kept_seconds"]["stopped"] == 90 * 86_400


async def test_one_daemon_at_a_time_begins_a_round(database_url, connection):
    await connection.execute("UPDATE runbell.retention SET began_at = began_at - interval '1 hour'")
    sessions = [await asyncpg.connect(database_url) for _ in range(4)]

    begun = [await asyncio.wait_for(claim_retention(session, 600.0), 5) for session in sessions]

    assert begun.count(True) == 1
    for session in sessions:
        await session.close()
