"""Arbitrary arguments of every SQL function, arbitrary rows in every table; events beside them must be answered."""

import uuid

import anyio
import asyncpg
import pytest

import runbell as dg
from runbell.core.errors import RunbellError
from runbell.store import dead_letters, overview, requests
from support.daemons import record, requested_keys, running, until
from support.nasty import ROUNDS, Nasty, must
from support.roles import quoted

pytestmark = pytest.mark.timeout(120 + 300 * ROUNDS)

# What a function says when it does not like its arguments; anything else is a mistake of ours.
# 21 22 23: values. 25: close_gaps in a transaction. 54: limits. 57014: time-outs. P0001: our own words.
REFUSALS = ("21", "22", "23", "25", "54", "57014")
SIGNATURES = """
SELECT p.proname, p.oid::regprocedure::text AS signature,
    ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, n) ORDER BY n) AS types
FROM pg_proc AS p
WHERE p.pronamespace = 'runbell'::regnamespace AND p.prokind = 'f' AND p.prorettype <> 'trigger'::regtype
    AND has_function_privilege('service_role', p.oid, 'EXECUTE')
ORDER BY p.proname
"""
COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, NULL) AS kind
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'runbell'::regnamespace AND c.relkind = 'r' AND a.attgenerated = '' AND a.attidentity <> 'a'
    AND c.relname NOT IN ('alembic_version', 'cluster', 'retention')
"""
# Functions that wait on purpose, as long as they are told to.
WAITING = {"watch_daemon"}


@dg.run_status_sensor(run_status=["SUCCESS", "FAILURE", "STARTED"], request_job="next", name="look")
def look(context):
    """Looks at everything that there is to see."""
    run, event = context.dagster_run, context.dagster_event
    seen = [run.job_name, run.status.value, run.create_timestamp, run.start_time, run.end_time, event.message]
    seen += [context.partition_key, run.partition_key, run.tags, run.run_config, event.event_type_value]
    seen += [context.instance.get_run_by_id(run.run_id), context.instance.get_run_stats(run.run_id)]
    seen += [failure.event_specific_data.error for failure in failures_of(context)]
    return dg.RunRequest(run_key=run.run_id, tags={"seen": str(len(repr(seen)))})


@dg.run_failure_sensor(name="explain")
async def explain(context):
    """Looks at what failed."""
    error = context.failure_event.event_specific_data.error
    return dg.SkipReason(error.to_string() if error else str(context.failure_event.message))


def failures_of(context):
    get = getattr(context, "get_step_failure_events", None)
    return get() if get else ()


async def test_arguments_of_functions(database_url, connection):
    nasty = Nasty(1)
    await connection.execute("SET statement_timeout = '5s'")
    signatures = await connection.fetch(SIGNATURES.replace("'service_role'", "current_user"))
    assert len(signatures) > 20
    async with running(database_url, look):
        for turn in range(60 * ROUNDS):
            for function in signatures:
                if function["proname"] not in WAITING:
                    await call(connection, nasty, function)
            if turn % 20 == 0:
                await answered(connection, f"good-{turn}")
    nasty.told()


async def call(connection, nasty, function):
    nasty.tried += 1
    given = [nasty.of(kind) for kind in function["types"]]
    casts = ", ".join(f"${n}::text::{kind}" for n, kind in enumerate(function["types"], start=1))
    try:
        async with connection.transaction():
            await connection.fetch(f"SELECT * FROM runbell.{quoted(function['proname'])}({casts})", *given)
    except asyncpg.PostgresError as error:
        # Internal functions get what the outer ones have checked; the contract's own must speak of the argument.
        known = error.sqlstate.startswith((*REFUSALS, "42", "0A", "P0"))
        must(known, function["signature"], given, error)
        public = function["proname"].startswith(("record_", "claim_", "renew_", "complete_", "fail_"))
        plain = not function["proname"].endswith("_gap")
        must(error.sqlstate.startswith(REFUSALS) or not (public and plain), function["signature"], given, error)


async def answered(connection, run_id):
    """A good event beside the bad ones is answered."""
    await connection.execute("SET statement_timeout = '15s'")
    await record(connection, run_id)
    await until(lambda: requested_keys(connection, "look"), lambda keys: run_id in keys)


async def test_rows_in_tables(database_url, connection):
    nasty = Nasty(2)
    columns: dict[str, list[tuple[str, str]]] = {}
    for row in await connection.fetch(COLUMNS):
        columns.setdefault(row["relname"], []).append((row["attname"], row["kind"]))
    stored = dict.fromkeys(columns, 0)
    async with running(database_url, look, explain, retry_attempts=2):
        await answered(connection, "good")
        for turn in range(40 * ROUNDS):
            for table, described in columns.items():
                for _ in range(4 if table == "run_events" else 1):
                    stored[table] += await put(connection, nasty, table, described)
            if turn % 10 == 0:
                await answered(connection, f"good-{turn}")
                await listed(connection)
        await answered(connection, "good at last")
        assert_ours_did_not_fail(
            await connection.fetch("SELECT error FROM runbell.evaluations WHERE state <> 'running'")
        )
    # A start from what stands there now.
    async with running(database_url, look, explain, retry_attempts=2):
        await answered(connection, "good after a start")
    print(f"\nrows stored: {stored}", end="")
    assert min(stored.values()) > 0, stored
    nasty.told()


# Values that are likely to be stored where a row needs them.
LIKELY = {
    "run_events": {"status": "SUCCESS", "job_name": "job", "native_status": "x"},
    "evaluations": {"sensor_name": "look", "state": "retry", "attempts": "1", "due_at": "epoch"},
    "run_requests": {"sensor_name": "look", "state": "pending"},
    "sensors": {"state": "declared", "filter": '{"statuses": ["SUCCESS"]}', "last_event_id": None},
    "daemons": {"role": "active"},
    "run_keys": {"policy": "forever"},
}
# Rows of a daemon that lives, and sources that are looked at for ever, would make this a test of something else.
ALWAYS = {"daemons": {"role": "leaving"}, "sensors": {"lease_holder": None}}


PLAIN = {
    "bigint": "7", "integer": "1", "jsonb": "{}", "timestamp with time zone": "now", "boolean": "true", "xid8": None,
    "pg_snapshot": None, "double precision": "1", "uuid": None,
}  # fmt: skip


def plain(nasty, table, name, kind):
    if name in ("event_id", "evaluation_id", "arrival", "request_id") and kind == "bigint":
        return str(nasty.random.randrange(10**6, 10**12))
    if kind == "uuid":
        return str(uuid.UUID(int=nasty.random.getrandbits(128)))
    # Different ones, because most tables have a key of text.
    return LIKELY.get(table, {}).get(name, PLAIN.get(kind, f"x{nasty.random.randrange(10**9)}"))


async def put(connection, nasty, table, described):
    nasty.tried += 1
    given: dict[str, str | None] = {name: plain(nasty, table, name, kind) for name, kind in described}
    # A few columns of a row that is well otherwise: most rows with more are refused.
    for name, kind in nasty.random.sample(described, min(len(described), nasty.random.choice((1, 1, 1, 2, 5)))):
        given[name] = nasty.of(kind)
    given |= ALWAYS.get(table, {})
    # Nothing that waits for what the daemon holds: a foreign sensor, a key of its own.
    if table == "sensors" and given.get("sensor_name") in ("look", "explain"):
        return 0
    kinds = dict(described)
    names = ", ".join(map(quoted, given))
    values = ", ".join(f"${n}::text::{kinds[name]}" for n, name in enumerate(given, start=1))
    try:
        async with connection.transaction():
            await connection.execute(
                f"INSERT INTO runbell.{quoted(table)} ({names}) VALUES ({values})", *given.values()
            )
    except asyncpg.PostgresError as error:
        must(error.sqlstate.startswith((*REFUSALS, "55")), table, given, error)
        return 0
    return 1


async def listed(connection):
    """What operators and scrapes read must cope with every row too, or say in a sentence that it cannot."""
    for asked in (
        lambda: overview.list_sensors(connection, None),
        lambda: overview.read_sensor_states(connection),
        lambda: overview.list_daemons(connection),
        lambda: dead_letters.list_dead_letters(connection, limit=1000),
        lambda: overview.count_run_requests(connection),
        lambda: requests.list_run_requests(connection, state=None, sensor_name=None, limit=1000),
    ):
        try:
            await asked()
        except RunbellError as error:
            must(str(error))


def assert_ours_did_not_fail(rows):
    """Whatever a sensor met was said in a sentence of ours, not in a traceback that ends in some error within."""
    for row in rows:
        error = row["error"] or ""
        assert "Traceback" not in error or "runbell.core.errors." in error, error


async def test_ten_megabytes_and_more_at_once(database_url, connection):
    nasty = Nasty(3)
    big = "x" * 10_000_000
    async with running(database_url, look, explain, retry_attempts=1):
        for column in ("message", "partition_key", "native_status", "run_id", "source", "job_name", "code_location"):
            for _ in range(ROUNDS):
                nasty.tried += 1
                given = {"source": "s", "run_id": f"big {column}", "job_name": "j", "native_status": "x", column: big}
                names, values = ", ".join(given), ", ".join(f"${n}" for n in range(2, len(given) + 2))
                statement = f"INSERT INTO runbell.run_events (status, {names}) VALUES ($1, {values})"
                try:
                    await connection.execute(statement, "FAILURE", *given.values())
                except asyncpg.PostgresError as error:
                    must(error.sqlstate.startswith(REFUSALS), error)
        for name in ("tags", "error"):
            nasty.tried += 1
            await connection.execute(
                f"INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status, {name})"
                " VALUES ('s', $1, 'j', 'FAILURE', 'x', jsonb_build_object('message', $2::text))",
                f"big {name}",
                big,
            )
        await answered(connection, "good")
        await listed(connection)
    nasty.told()


async def test_floods_of_notifications(database_url, connection):
    nasty = Nasty(4)
    channels = ("runbell_events", "runbell_requests", "runbell_leases")
    async with running(database_url, look), anyio.create_task_group() as tasks:
        done = anyio.Event()

        async def flood():
            session = await asyncpg.connect(database_url)
            while not done.is_set():
                for _ in range(200):
                    nasty.tried += 1
                    payload = nasty.text().replace("\x00", "")[:1000]
                    await session.execute("SELECT pg_notify($1, $2)", nasty.random.choice(channels), payload)
            await session.close()

        for _ in range(3):
            tasks.start_soon(flood)
        for turn in range(10 * ROUNDS):
            await answered(connection, f"good-{turn}")
        done.set()
    nasty.told()
