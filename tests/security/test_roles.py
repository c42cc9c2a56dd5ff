"""Each role does its whole job with the rights that it was given, and orchestrators do theirs with none."""

import json

import anyio
import pytest
from structlog.testing import capture_logs

import runbell as dg
from runbell.core.queue import QueuedRequest
from runbell.launchers.claims import Claim
from runbell.launchers.loop import LaunchLoop
from runbell.launchers.options import LaunchOptions
from runbell.sources import attaching
from support.daemons import evaluations, record, requested_keys, running, until
from support.dagster_tables import TABLES, DagsterTables
from support.http import get
from support.processes import runbell, started
from support.roles import as_role, fresh_role, quoted, session_of
from support.serving import serving

DAGSTER = attaching.Attachment(source="dagster", kind="dagster", settings={"schema": "public"})


@dg.run_status_sensor(run_status="SUCCESS", request_job="next", name="answer")
def answer(context):
    return dg.RunRequest(run_key=context.dagster_run.run_id)


@dg.run_failure_sensor(name="explain", request_job="repair")
def explain(context):
    steps = [event.step_key for event in context.get_step_failure_events()]
    return dg.RunRequest(run_key=f"{context.dagster_run.run_id} at {','.join(steps)}")


@dg.run_status_sensor(run_status="CANCELED", name="poor")
def poor(_):
    raise ValueError("it cannot")


async def test_a_daemon_with_the_service_role_answers_records_and_repeats(database_url, connection):
    async with (
        fresh_role(database_url, "service") as role,
        running(as_role(database_url, role), answer, explain, poor, retry_attempts=2),
    ):
        await connection.execute("SELECT runbell.record_step_failure('r2', 'load', '{}')")
        for run_id, status in (("r1", "SUCCESS"), ("r2", "FAILURE"), ("r3", "CANCELED")):
            await record(connection, run_id, status)

        assert await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2) == ["r1", "r2 at load"]
        dead = await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])
        assert dead[0]["attempts"] == 2


async def test_it_reconciles_what_was_attached_without_a_right_on_the_orchestrators_tables(database_url, connection):
    await connection.execute(TABLES)
    await attaching.attach(connection, DAGSTER)
    await connection.execute("ALTER TABLE public.runs DISABLE TRIGGER ALL")
    async with fresh_role(database_url, "service") as role:
        tables = DagsterTables(connection)
        run_id = await tables.add_run("STARTED")
        await tables.log_step_failure(run_id, "load", "it broke", None)
        await tables.log(run_id, "FAILURE", message="broken", age=90)
        await tables.set_status(run_id, "FAILURE")
        async with session_of(database_url, role) as session:
            assert not await session.fetchval("SELECT has_table_privilege('public.runs', 'SELECT')")

        async with running(as_role(database_url, role), answer, explain):
            # Deployed behind that change, so it is only recorded; the next one is answered too.
            recorded = "SELECT count(*) FROM runbell.run_events WHERE run_id = $1 AND status = 'FAILURE'"
            await until(lambda: connection.fetchval(recorded, run_id), lambda count: count == 1)
            await connection.execute("ALTER TABLE public.runs ENABLE TRIGGER ALL")
            run_id = await tables.add_run("STARTED")
            await tables.log_step_failure(run_id, "load", "it broke", None)
            await tables.change(run_id, "FAILURE")
            wanted = f"{run_id} at load"
            await until(lambda: requested_keys(connection, "explain"), lambda keys: wanted in keys)


async def test_serve_as_the_service_role_is_ready_and_measured(database_url, tmp_path):
    async with fresh_role(database_url, "service") as role:
        with serving(tmp_path, as_role(database_url, role), RUNBELL_HTTP_PORT="0") as served:
            port = served.until("daemon_started")["http_port"]

            assert (await anyio.to_thread.run_sync(get, port, "/readyz")).status == 200
            metrics = await anyio.to_thread.run_sync(get, port, "/metrics")
            assert metrics.samples['runbell_requests{state="pending"}'] == 0
            assert await anyio.to_thread.run_sync(served.end) == 0
        assert served.errors == ""
        assert served.events("metrics_not_read") == []


async def test_the_service_role_gives_the_operators_commands(database_url, connection):
    await record(connection, "r1")
    await connection.execute(
        "INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts) VALUES ('answer', 1, 'dead', 3)"
    )
    async with fresh_role(database_url, "service") as role:
        changes = [["dead-letters", "show", "1"], ["launchers", "pause", "sql"], ["launchers", "resume", "sql"]]
        for command in (*LOOKS, *changes):
            done = runbell(*command, RUNBELL_DATABASE_URL=as_role(database_url, role))

            assert (done.code, done.stderr) == (0, ""), command


LOOKS = [
    ["status"],
    ["status", "--json"],
    ["sensors", "list", "--json"],
    ["requests", "list", "--json"],
    ["launchers", "list", "--json"],
    ["dead-letters", "list", "--json"],
]


async def test_a_reader_looks(database_url, connection):
    async with fresh_role(database_url, "reader") as role, running(database_url, answer):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), lambda keys: keys == ["r1"])
        url = as_role(database_url, role)
        said = {}
        for command in LOOKS:
            done = await anyio.to_thread.run_sync(lambda given: runbell(*given, RUNBELL_DATABASE_URL=url), command)

            assert (done.code, done.stderr) == (0, ""), command
            said[" ".join(command)] = done.stdout

        assert json.loads(said["requests list --json"])[0]["run_key"] == "r1"
        assert json.loads(said["status --json"])["sensors"][0]["sensor_name"] == "answer"


class Target:
    """Starts every request but the first, and takes its time."""

    def __init__(self) -> None:
        self.calls = 0

    async def launch(self, request: QueuedRequest, _claim: Claim) -> str:
        self.calls += 1
        if self.calls == 1:
            raise ValueError("not yet")
        await anyio.sleep(0.2)
        return f"run-{request.request_id}"


async def test_a_launcher_claims_renews_fails_and_completes(database_url, connection):
    added = """
        INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)
        SELECT 'answer', 1, i, 'here', 'next' FROM generate_series(1, 3) AS i
    """
    options = LaunchOptions(consumer="c", targets=("here",), backoff_seconds=0.01, hold_seconds=0.1)
    states = "SELECT array_agg(state ORDER BY request_id) FROM runbell.run_requests"
    with capture_logs() as logs:
        async with fresh_role(database_url, "launcher") as role, anyio.create_task_group() as tasks:
            await tasks.start(LaunchLoop(as_role(database_url, role), Target(), options).run)
            await connection.execute(added)
            await connection.execute("SELECT runbell.ring('runbell_requests')")

            await until(lambda: connection.fetchval(states), lambda found: found == ["launched"] * 3)
            tasks.cancel_scope.cancel()

    assert [line["event"] for line in logs if line["event"] in ("claim_not_renewed", "claim_failed")] == []


async def test_the_command_that_launches_needs_the_launchers_role_and_its_orchestrators(database_url, connection):
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)"
        " VALUES ('answer', 1, 0, 'simulated', 'load_orders')"
    )
    async with fresh_role(database_url, "launcher", "recorder") as role:
        with started(
            "launch", "simulated", RUNBELL_DATABASE_URL=as_role(database_url, role), RUNBELL_LOG_FORMAT="json"
        ) as launcher:
            await anyio.to_thread.run_sync(launcher.until, "run_launched")


async def test_a_recorder_records(database_url, connection):
    async with fresh_role(database_url, "recorder") as role, session_of(database_url, role) as session:
        await session.execute("SELECT runbell.record_step_failure('r', 'load', '{\"message\": \"m\"}')")
        event_id = await record(session, "r", "failure", tags="{}", error='{"message": "m"}')

    assert await connection.fetchval("SELECT status FROM runbell.run_events WHERE event_id = $1", event_id) == "FAILURE"


async def test_an_orchestrator_without_any_right_in_the_schema_is_captured(database_url, connection):
    async with fresh_role(database_url) as role:
        await connection.execute(f"CREATE SCHEMA theirs AUTHORIZATION {quoted(role)}")
        async with session_of(database_url, role) as session:
            await session.execute("SET search_path = theirs")
            await session.execute(TABLES)
            settings = {"schema": "theirs"}
            await attaching.attach(connection, attaching.Attachment(source="d", kind="dagster", settings=settings))
            run_id = await DagsterTables(session).add_run("STARTED")
            await DagsterTables(session).change(run_id, "SUCCESS")

            assert not await session.fetchval("SELECT has_schema_privilege('runbell', 'USAGE')")
        found = "SELECT array_agg(status ORDER BY event_id) FROM runbell.run_events WHERE run_id = $1"
        assert await connection.fetchval(found, run_id) == ["STARTED", "SUCCESS"]


@pytest.mark.parametrize("purpose", ["recorder", "launcher", "reader"])
async def test_serve_with_too_few_rights_says_so(database_url, tmp_path, purpose):
    (tmp_path / "sensors.py").write_text(
        "import runbell\n\n\n@runbell.run_failure_sensor\ndef on_failure(context): ...\n"
    )
    async with fresh_role(database_url, purpose) as role:
        done = await anyio.to_thread.run_sync(
            lambda: runbell("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=as_role(database_url, role))
        )

    assert done.code in (3, 4)
    assert "permission denied" in done.stderr
    assert len(done.stderr.splitlines()) <= 3
