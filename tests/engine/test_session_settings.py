"""Defaults that an operator gives to a role or a database, and what hits our statements: no event lost, none doubled.

Our sessions set their own time-outs and isolation level; what they leave alone is what an operator means by it.
"""

import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import anyio
import asyncpg
import pytest
import structlog

from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.engine.sessions import Sessions
from runbell.store.sources import close_source_gaps
from runbell.store.statements import statement
from support.answering import called, once, twice
from support.daemons import evaluations, record, requested_keys, running, until
from support.plans import carry_out, explain, read_rows
from support.writers import answer_time, compare, writing

Session = asyncpg.Connection
OURS = "application_name LIKE 'runbell%' AND datname = current_database()"


async def as_default(session: Session, **settings: str) -> None:
    """Give the database these defaults, for sessions that begin from now on."""
    for name, value in settings.items():
        known = "SELECT count(*) FROM pg_settings WHERE name = $1"
        if await session.fetchval(known, name):
            database = await session.fetchval("SELECT current_database()")
            await session.execute(f"ALTER DATABASE {database} SET {name} = '{value}'")


def losses(logs: list[dict[str, object]]) -> list[dict[str, object]]:
    return [entry for entry in logs if entry["event"] in ("database_lost", "commit_repeated", "read_repeated")]


@pytest.mark.parametrize("level", ["serializable", "repeatable read"])
async def test_i1_i2_a_stricter_isolation_level_is_not_ours(database_url: str, connection: Session, level: str) -> None:
    await as_default(connection, default_transaction_isolation=level)
    with structlog.testing.capture_logs() as logs:
        async with running(database_url, once, twice), running(database_url, once, twice):
            async with writing(database_url) as writers:
                await anyio.sleep(1.5)
            await compare(database_url, ())
    assert losses(logs) == []
    assert writers.committed


async def test_time_limits_of_the_database_are_not_ours(database_url: str, connection: Session) -> None:
    await as_default(
        connection,
        statement_timeout="1ms",
        lock_timeout="1ms",
        idle_in_transaction_session_timeout="100ms",
        idle_session_timeout="100ms",
        transaction_timeout="100ms",
    )
    patient = {"statement_timeout": "0", "lock_timeout": "0", "idle_session_timeout": "0"}
    with structlog.testing.capture_logs() as logs:
        async with running(database_url, once, twice):
            # Asleep on the doorbell, in an idle transaction, for longer than any of them.
            await anyio.sleep(1)
            writer = await asyncpg.connect(database_url, server_settings=patient)
            await record(writer, "r1")
            asked = "SELECT count(*) FROM runbell.run_requests"
            await until(lambda: connection.fetchval(asked), lambda count: count == 3, seconds=5)
            await writer.close()
    assert losses(logs) == []


async def test_a_start_that_the_database_cancels_is_repeated(database_url: str, connection: Session) -> None:
    async with running(database_url, once, twice):
        pass
    other = await asyncpg.connect(database_url)
    deploys = f"FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock' AND query LIKE '-- Makes the sensors%'"
    with structlog.testing.capture_logs() as logs:
        async with anyio.create_task_group() as tasks, other.transaction():
            await other.execute("SELECT FROM runbell.sensors FOR UPDATE")
            daemon = Daemon(DaemonOptions(database_url=database_url, module="a_module", sensors=(once, twice)))
            tasks.start_soon(daemon.run)
            await until(lambda: connection.fetchval(f"SELECT count(pg_cancel_backend(pid)) {deploys}"))
            await until(lambda: waited(logs))
            await until(lambda: connection.fetchval(f"SELECT count(*) {deploys}"))
            await other.execute("ROLLBACK; BEGIN")
            await until(lambda: is_ready(daemon))
            daemon.stop()
    await other.close()

    assert losses(logs) == []


async def waited(logs: list[dict[str, object]]) -> bool:
    return any(entry["event"] == "database_awaited" for entry in logs)


async def is_ready(daemon: Daemon) -> bool:
    return daemon.ready


async def test_i2_i3_canceled_reads_and_commits_are_repeated_without_calling_anybody_again(
    database_url: str, connection: Session
) -> None:
    """As an operator or a time-out cancels them: pg_cancel_backend, twenty times a second."""
    called.clear()
    chance = random.Random(5)
    canceled = 0
    with structlog.testing.capture_logs() as logs:
        async with running(database_url, once, twice), writing(database_url, per_second=150) as writers:
            ends_at = time.monotonic() + 3
            while time.monotonic() < ends_at:
                await anyio.sleep(chance.uniform(0.01, 0.09))
                canceled += await connection.fetchval(
                    f"SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE {OURS} AND state = 'active' "
                    "AND (query LIKE '-- Settles what%' OR query LIKE '-- One page of%')"
                )
            writers.stop()
            events = await compare(database_url, writers.committed)
    repeated = [entry["event"] for entry in losses(logs)]
    print(f"\n{events} events, {canceled} statements canceled, {len(repeated)} repeated")

    assert "commit_repeated" in repeated
    assert "database_lost" not in repeated
    assert set(called.values()) == {1}


async def test_i2_a_settlement_that_is_a_deadlocks_victim_is_repeated(database_url: str, connection: Session) -> None:
    """Somebody holds a run key that the settlement wants, and wants the sensor's row that the settlement holds."""
    from runbell import RunRequest, RunStatusSensorContext, run_status_sensor

    calls: list[str] = []

    @run_status_sensor(run_status="SUCCESS", request_job="j")
    async def keyed(context: RunStatusSensorContext) -> RunRequest:
        calls.append(context.dagster_run.run_id)
        return RunRequest(run_key=context.dagster_run.run_id)

    other = await asyncpg.connect(database_url)
    # Ours finds the deadlock first, and is its victim.
    await other.execute("SET deadlock_timeout = '30s'")
    with structlog.testing.capture_logs() as logs:
        async with running(database_url, keyed):
            transaction = other.transaction()
            await transaction.start()
            await other.execute(
                "INSERT INTO runbell.run_keys (sensor_name, run_key, request_id) VALUES ('keyed', 'r1', 0)"
            )
            await record(connection, "r1")
            waits = f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND wait_event_type = 'Lock'"
            await until(lambda: connection.fetchval(waits))
            await other.execute("SELECT FROM runbell.sensors WHERE sensor_name = 'keyed' FOR UPDATE")
            await transaction.rollback()
            await until(lambda: requested_keys(connection), ["r1"].__eq__)
    await other.close()

    assert [entry["event"] for entry in losses(logs)].count("commit_repeated") >= 1
    assert calls == ["r1"]


async def test_i9_a_trigger_of_somebodys_that_raises_costs_that_evaluation_only(
    database_url: str, connection: Session
) -> None:
    await connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.tags ->> 'run' = 'bad' THEN RAISE EXCEPTION 'not on my watch'; END IF; RETURN NEW; END $$"
    )
    await connection.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON runbell.run_requests FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    async with running(database_url, once):
        for run_id in ("r1", "bad", "r2"):
            await record(connection, run_id)
        asked = "SELECT array_agg(tags ->> 'run' ORDER BY tags ->> 'run') FROM runbell.run_requests"
        await until(lambda: connection.fetchval(asked), lambda found: found == ["r1", "r2"])
        (dead,) = await until(lambda: evaluations(connection))

    assert dead["state"] == "dead"
    assert "not on my watch" in dead["error"]


async def test_a_database_that_turns_read_only_and_back_again(database_url: str, connection: Session) -> None:
    writer = await asyncpg.connect(database_url)
    async with running(database_url, once, twice):
        await as_default(connection, default_transaction_read_only="on")
        with structlog.testing.capture_logs() as logs:
            await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")
            await record(writer, "frozen")
            # Not by a clock: once it has said what it waits for.
            await until(lambda: said(logs, "read-only"))
        await as_default(connection, default_transaction_read_only="off")
        await answer_time(database_url, time.monotonic(), "thawed")
        await compare(database_url, ["frozen", "thawed"])
    await writer.close()


async def said(logs: list[dict[str, object]], what: str) -> bool:
    return any(what in str(entry.get("error")) for entry in logs)


async def commit(session: Session, number: int) -> None:
    asked = "SELECT count(*) FROM runbell.run_requests"
    await record(session, f"r{number}")
    await until(lambda: session.fetchval(asked), lambda count: count > number)


async def look(session: Session, number: int) -> None:
    beats = "SELECT coalesce(max(beat), 0) FROM runbell.daemons"
    before = await session.fetchval(beats)
    await session.execute("SELECT runbell.ring('runbell_leases')")
    await until(lambda: session.fetchval(beats), lambda beat: beat > before)


@pytest.mark.parametrize("act", [commit, look])
async def test_what_is_done_again_and_again_does_not_read_all_sensors_however_few(
    database_url: str, connection: Session, act: Callable[[Session, int], Awaitable[None]]
) -> None:
    scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relid = 'runbell.sensors'::regclass"
    # The counts of a session are there once it has ended.
    ended = f"SELECT count(*) = 0 FROM pg_stat_activity WHERE {OURS}"
    counts = []
    for times in (0, 0, 30):
        async with running(database_url, once):
            for number in range(times):
                await act(connection, number)
        await until(lambda: connection.fetchval(ended), bool)
        counts.append(await connection.fetchval(scans))
        await connection.execute("ANALYZE runbell.sensors")

    of_a_start, with_acts = counts[1] - counts[0], counts[2] - counts[1]
    assert with_acts - of_a_start < 10


async def happen(session: Session, first: int, last: int) -> None:
    """Runs of these numbers, and for each an event and a request."""
    numbers = f"generate_series({first}, {last}) AS n"
    await session.execute(
        "INSERT INTO runbell.runs (source, run_id, job_name, status) "
        f"SELECT 'sql', 'run-' || n, 'j', 'SUCCESS' FROM {numbers}; "
        "INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status) "
        f"SELECT 'sql', 'run-' || n, 'j', 'SUCCESS', 'SUCCESS' FROM {numbers}; "
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_id, state) "
        f"SELECT 's', n, 0, 'sql', 'j', 'run-' || n, 'launched' FROM {numbers}"
    )


async def nothing(_: object) -> None:
    """Asks nothing of a session."""


async def test_i1_a_read_that_was_planned_while_there_were_few_events_does_not_read_them_all(
    database_url: str, connection: Session
) -> None:
    """They are analyzed a minute after the first fifty, and then not before there are many more."""
    few, many = 60, 3_000
    await happen(connection, 1, few)
    await connection.execute("ANALYZE runbell.runs, runbell.run_events, runbell.run_requests")
    async with AsyncExitStack() as stack:
        sessions = await Sessions.opened(stack, database_url, "test", nothing)
        another = await stack.enter_async_context(sessions.pool.acquire())
        for session in (sessions.reading, another):
            now = await connection.fetchval("SELECT pg_current_snapshot()::text")
            given = [now, None, 0, 0, "{SUCCESS}", None, 10, None]
            await session.execute("PREPARE reading AS " + statement("read_events"))
            await explain(session, "reading", given)
            await happen(connection, few + 1, few + many)

            done = await carry_out(session, "reading", given)

            looked_at = {table: read_rows(done, table) for table in ("run_events", "runs", "run_requests")}
            assert looked_at["run_events"] >= 10
            assert max(looked_at.values()) < 50, looked_at
            few += many


async def test_an_orchestrators_tables_are_read_as_the_planner_thinks_best(
    database_url: str, connection: Session
) -> None:
    async with AsyncExitStack() as stack:
        sessions = await Sessions.opened(stack, database_url, "test", nothing)
        one = await stack.enter_async_context(sessions.pool.acquire())
        transaction = one.transaction()
        await transaction.start()
        await close_source_gaps(one, "nobody's", 1)
        during = await one.fetchval("SHOW enable_seqscan")
        await transaction.rollback()

        assert (during, await one.fetchval("SHOW enable_seqscan")) == ("on", "off")
