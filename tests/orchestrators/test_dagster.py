"""Real Dagster jobs, executed by Dagster on Postgres storage, and a real daemon that answers them.

Nothing here is skipped: where Dagster is missing, the suite fails.
"""

import json
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from support.catalogs import read_catalog
from support.daemons import until
from support.postgres import private_server, psql
from support.processes import environment, runbell, started

HERE = Path(__file__).parent
RUNS_MEASURED = 15
# The reconciler of a daemon that runs looks once a minute.
A_ROUND_SECONDS = 90.0
# Loading Dagster takes seconds, and a round of the reconciler a minute.
pytestmark = pytest.mark.timeout(300)


class Place:
    """A database with a real Dagster in it, and what the sensors wrote down."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.facts_file = folder / "facts"
        self.facts_file.touch()

    def execute(self, *jobs: str, **variables: str) -> list[tuple[str, str]]:
        """Have Dagster execute `JOB TIMES ...`; the jobs and run ids, in order."""
        done = subprocess.run(
            [sys.executable, HERE / "dagster_jobs.py", self.url, *jobs],
            env=environment(PYTHONPATH=str(HERE), **variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return [(line.split()[0], line.split()[1]) for line in done.stdout.splitlines()]

    def runbell(self, *arguments: str) -> str:
        done = runbell(*arguments, RUNBELL_DATABASE_URL=self.url)
        assert done.code == 0, done.stderr
        return done.stdout

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """A real daemon, up when the body begins and drained after it."""
        settings = {
            "RUNBELL_DATABASE_URL": self.url,
            "RUNBELL_SENSORS": str(HERE / "answering_sensors.py"),
            "RUNBELL_LOG_FORMAT": "json",
            "FACTS_FILE": str(self.facts_file),
        }
        with started("serve", **settings) as daemon:
            daemon.until("daemon_started")
            yield
            daemon.signal(15)
            assert daemon.end().code == 0

    def facts(self) -> list[dict]:
        return [json.loads(line) for line in self.facts_file.read_text().splitlines()]

    async def answered(self, runs: list[tuple[str, str]], seconds: float = 20.0) -> dict[str, dict]:
        """Waits until the outcomes of these runs were answered; what the sensors were given, by run."""
        wanted = {run_id for _, run_id in runs}

        async def look() -> set[str]:
            return wanted - {fact["run_id"] for fact in self.facts() if fact["sensor"] != "on_start"}

        await until(look, lambda missing: not missing, seconds=seconds, every=0.05)
        return {fact["run_id"]: fact for fact in self.facts() if fact["sensor"] != "on_start"}


@pytest.fixture(scope="module")
def server():
    # Commit times, to measure from one commit to the other.
    with private_server(track_commit_timestamp="on") as server:
        yield server


@pytest.fixture(scope="module")
def template(server, tmp_path_factory):
    """The name of a database with Dagster's own tables, made by Dagster, attached: loading Dagster takes seconds."""
    psql(server.admin_url, "CREATE DATABASE attached")
    place = Place(server.url("attached"), tmp_path_factory.mktemp("attached"))
    place.execute()
    place.runbell("migrate")
    place.runbell("attach", "dagster")
    return "attached"


@pytest.fixture
def place(server, template, tmp_path, request):
    """A copy of it, of the test's own."""
    name = f"dagster_{request.node.name[5:30]}"
    psql(server.admin_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return Place(server.url(name), tmp_path)


@pytest.fixture
async def session(place):
    session = await asyncpg.connect(place.url)
    yield session
    await session.close()


async def once_each(session, runs):
    """Each outcome stands in the events once, and so does its request in the queue."""
    events = Counter(
        [
            row["run_id"]
            for row in await session.fetch("SELECT run_id FROM runbell.run_events WHERE status = ANY($1)", ENDS)
        ]
    )
    requests = Counter([row["run_key"] for row in await session.fetch("SELECT run_key FROM runbell.run_requests")])
    assert events == requests == Counter(run_id for _, run_id in runs)


ENDS = ["SUCCESS", "FAILURE"]

LATENCIES = """
SELECT extract(epoch FROM pg_xact_commit_timestamp(q.xmin) - pg_xact_commit_timestamp(r.xmin))::float8 AS seconds
FROM runbell.run_requests AS q
JOIN runs AS r ON r.run_id = q.run_key
"""


async def test_a_run_that_succeeds_and_one_that_fails_reach_the_sensors_with_their_facts(place, session):
    with place.daemon():
        runs = place.execute("daily_report", "1", "nightly_load", "1")
        given = await place.answered(runs)

    (_, succeeded), (_, failed) = runs
    expected = {
        "sensor": "on_success",
        "job_name": "daily_report",
        "status": "SUCCESS",
        "event_type": "PIPELINE_SUCCESS",
        "code_location": "warehouse",
        "run_config": {"ops": {"report": {"config": {"limit": 3}}}},
        "partition_key": "2024-02-29",
    }
    assert given[succeeded] | expected == given[succeeded]
    assert given[succeeded]["tags"] == {
        "team": "data",
        "dagster/partition": "2024-02-29",
        "dagster/code_location": "warehouse",
    }
    assert given[succeeded]["created"] <= given[succeeded]["started"] <= given[succeeded]["ended"]

    failure = given[failed]
    assert (failure["sensor"], failure["job_name"], failure["status"]) == ("on_failure", "nightly_load", "FAILURE")
    assert failure["message"] == "Execution of run for \"nightly_load\" failed. Steps failed: ['transform']."
    assert failure["tags"]["dagster/failure_reason"] == "STEP_FAILURE"
    assert "nothing to transform in 1 row ☃" in failure["error"]
    assert (failure["first_step"], failure["known"]) == ("transform", [failed])
    assert failure["logged"] == ["STEP_FAILURE", "PIPELINE_FAILURE"]
    assert failure["recorded"] == failure["ended"]
    (step,) = failure["steps"]
    assert (step["step_key"], step["cause"]) == ("transform", "ValueError")
    assert step["message"] == 'Execution of step "transform" failed.'
    for part in (
        "DagsterExecutionStepExecutionError",
        "ValueError: nothing to transform",
        "in transform\n",
        "KeyError",
    ):
        assert part in step["error"]

    await once_each(session, runs)
    targets = {row["run_key"]: row["job_name"] for row in await session.fetch("SELECT * FROM runbell.run_requests")}
    assert targets == {succeeded: "publish", failed: "repair"}
    assert Counter(fact["run_id"] for fact in place.facts() if fact["sensor"] == "on_start") == {
        succeeded: 1,
        failed: 1,
    }


async def test_from_the_commit_of_a_status_to_the_commit_of_its_request(place, session):
    with place.daemon():
        runs = place.execute("daily_report", str(RUNS_MEASURED))
        await place.answered(runs)

    await once_each(session, runs)
    latencies = [row["seconds"] * 1000 for row in await session.fetch(LATENCIES)]
    print(
        f"\nruns commit -> request commit: median {statistics.median(latencies):.1f} ms,"
        f" slowest {max(latencies):.1f} ms, {len(latencies)} runs"
    )
    assert statistics.median(latencies) < 1000


async def test_i1_a_trigger_dropped_by_hand_and_one_that_fails_in_its_guard_lose_nothing_and_double_nothing(
    place, session
):
    whole = await session.fetchval("SELECT pg_get_functiondef('runbell.keep_run(runbell.runs)'::regprocedure)")
    with place.daemon():
        runs = place.execute("daily_report", "1")
        await place.answered(runs)

        await session.execute("DROP TRIGGER runbell_capture_insert ON runs")
        await session.execute("DROP TRIGGER runbell_capture_update ON runs")
        runs += place.execute("daily_report", "1", "nightly_load", "1")
        given = await place.answered(runs, seconds=A_ROUND_SECONDS)
        assert given[runs[2][1]]["message"] == (
            "Execution of run for \"nightly_load\" failed. Steps failed: ['transform']."
        )
        place.runbell("attach", "dagster")

        await session.execute(
            "CREATE OR REPLACE FUNCTION runbell.keep_run(run runbell.runs) RETURNS void LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE EXCEPTION 'broken by hand'; END $$"
        )
        runs += place.execute("daily_report", "1", "nightly_load", "1")
        await session.execute(whole)
    # A daemon also looks when it starts.
    with place.daemon():
        given = await place.answered(runs)
        # And what is captured as ever comes through as ever.
        runs += place.execute("daily_report", "1")
        given = await place.answered(runs)

    assert {run_id: fact["job_name"] for run_id, fact in given.items()} == {run_id: job for job, run_id in runs}
    await once_each(session, runs)
    assert set(Counter((fact["sensor"], fact["run_id"]) for fact in place.facts()).values()) == {1}


async def test_public_is_as_dagster_made_it_after_migrating_attaching_and_detaching(server, tmp_path):
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute("CREATE DATABASE dagster_public")
    await admin.close()
    place = Place(server.url("dagster_public"), tmp_path)

    async def public() -> list[str]:
        return [line for line in await read_catalog(place.url) if " public." in line]

    place.execute("daily_report", "1")
    before = await public()

    place.runbell("migrate")
    assert await public() == before
    place.runbell("attach", "dagster")
    assert [line for line in await public() if line not in before and "runbell_capture" not in line] == []
    place.execute("nightly_load", "1")
    place.runbell("detach", "dagster")
    assert await public() == before


async def test_of_a_run_that_dagster_retries_the_last_failure_is_told(place, session):
    with place.daemon():
        (retried,) = place.execute("nightly_load", "1", MAX_RETRIES="1")
        (final,) = place.execute("nightly_load", "1", MAX_RETRIES="0")
        tags = await session.fetch("SELECT run_id, value FROM run_tags WHERE key = 'dagster/will_retry'")
        assert {row["run_id"]: row["value"] for row in tags} == {retried[1]: "true", final[1]: "false"}

        async def look() -> tuple[list[str], int]:
            query = "SELECT run_key FROM runbell.run_requests WHERE sensor_name = 'on_last_failure'"
            skipped = "SELECT coalesce(sum(skipped), 0)::int FROM runbell.ticks WHERE sensor_name = 'on_last_failure'"
            return [row["run_key"] for row in await session.fetch(query)], await session.fetchval(skipped)

        assert await until(look, lambda seen: len(seen[0]) + seen[1] == 2) == ([final[1]], 1)
