"""The same module, with nothing changed in it, evaluated by Dagster's own daemon and by Runbell on the same runs."""

import json
import statistics
from pathlib import Path

import asyncpg
import pytest

from support.daemons import until
from support.dagster_projects import Project
from support.postgres import private_server, psql
from support.processes import runbell

MODULE = Path(__file__).parent / "compared_project.py"
REQUESTS = 1 + 2 + 1
pytestmark = pytest.mark.timeout(500)


@pytest.fixture(scope="module")
def server():
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def template(server, tmp_path_factory):
    """The name of a database with Dagster's own tables, attached: loading Dagster takes seconds."""
    psql(server.admin_url, "CREATE DATABASE attached")
    project = Project(server.url("attached"), tmp_path_factory.mktemp("attached"), MODULE)
    project.dagster("instance", "migrate")
    project.runbell("migrate")
    project.runbell("attach", "dagster")
    return "attached"


@pytest.fixture
def project(server, template, tmp_path, request):
    name = request.node.name[5:40]
    psql(server.admin_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return Project(server.url(name), tmp_path, MODULE)


@pytest.fixture
async def session(project):
    session = await asyncpg.connect(project.url)
    yield session
    await session.close()


OWN_TAGS = ("dagster/", ".dagster/", "runbell/")
TICKED = "SELECT count(DISTINCT selector_id)::int FROM job_ticks WHERE status = 'SKIPPED'"
LAUNCHED_BY_DAGSTER = """
SELECT r.run_body, t.value AS sensor, extract(epoch FROM r.create_timestamp)::float8 AS made_at
FROM runs AS r JOIN run_tags AS t ON t.run_id = r.run_id AND t.key = 'dagster/sensor_name'
"""
REQUESTED_BY_RUNBELL = """
SELECT q.sensor_name, q.job_name, q.run_key, q.run_config, q.tags,
    extract(epoch FROM q.requested_at)::float8 AS made_at, e.run_id AS upstream
FROM runbell.run_requests AS q JOIN runbell.run_events AS e ON e.event_id = q.event_id
"""
ENDED = "SELECT run_id, end_time FROM runs WHERE end_time IS NOT NULL"


def comparable(sensor, job, run_key, config, tags):
    own = {key: value for key, value in tags.items() if not key.startswith(OWN_TAGS)}
    return json.dumps([sensor, job, run_key, config, own], sort_keys=True)


async def by_dagster(session):
    rows = [(json.loads(row["run_body"]), row) for row in await session.fetch(LAUNCHED_BY_DAGSTER)]
    return {
        comparable(
            row["sensor"], body["pipeline_name"], body["tags"].get("dagster/run_key"), body["run_config"], body["tags"]
        ): row["made_at"]
        for body, row in rows
    }


async def by_runbell(session):
    rows = await session.fetch(REQUESTED_BY_RUNBELL)
    return {
        comparable(
            row["sensor_name"].removeprefix("compared_project:"),
            row["job_name"],
            row["run_key"],
            json.loads(row["run_config"]),
            json.loads(row["tags"]),
        ): (row["made_at"], row["upstream"])
        for row in rows
    }


async def test_the_same_module_requests_the_same_runs_from_either_daemon(project, session):
    with project.background("dagster-daemon", "run", "-w", project.workspace), project.serve() as daemon:
        daemon.until("daemon_started")
        left = daemon.until("left_to_dagster")
        # Dagster begins with what happens after its first tick of a sensor.
        await until(lambda: session.fetchval(TICKED), lambda count: count >= 4, seconds=150, every=0.5)
        project.launch("good", "bad")
        theirs = await until(lambda: by_dagster(session), lambda found: len(found) >= REQUESTS, seconds=200, every=0.5)
        ours = await until(lambda: by_runbell(session), lambda found: len(found) >= REQUESTS, every=0.1)
        daemon.signal(15)
        ended = daemon.end()
        assert ended.code == 0

    assert sorted(left["names"]) == ["daily", "files"]
    assert set(theirs) == set(ours)
    assert len(ours) == REQUESTS
    assert await session.fetchval("SELECT count(*)::int FROM runbell.evaluations") == 0

    told = [json.loads(line) for line in ended.stdout.splitlines()] + daemon.lines
    lasted = [line["duration_ms"] for line in told if line.get("outcome") == "requested"]
    ended = {row["run_id"]: row["end_time"] for row in await session.fetch(ENDED)}
    print(
        f"\nend of a run -> request made, median of {REQUESTS}:"
        f" Dagster {statistics.median(theirs[one] - ended[ours[one][1]] for one in ours) * 1000:.0f} ms,"
        f" Runbell {statistics.median(made_at - ended[upstream] for made_at, upstream in ours.values()) * 1000:.0f} ms;"
        f" an evaluation by Runbell, with Dagster's objects, median {statistics.median(lasted):.0f} ms"
    )


async def test_check_says_who_answers_and_a_shadow_calls_nothing(project, session):
    for command, sensor in [("stop", "chain"), ("start", "never")]:
        project.dagster("sensor", command, sensor, "-w", project.workspace, "-l", project.location)

    done = runbell("check", "--json", **project.settings)
    rows = {row["sensor_name"].partition(":")[2]: row for row in json.loads(done.stdout)}

    assert done.stderr == "left to Dagster: files, daily\n"
    assert {name: (row["dagster_state"], row["answers_twice"]) for name, row in rows.items()} == {
        "chain": ("STOPPED", False),
        "mend": (None, True),
        "count": (None, True),
        "never": ("RUNNING", False),
        "skipping": (None, True),
    }
    assert any("dagster sensor stop mend" in note for note in rows["mend"]["notes"])
    assert any("evaluated through Dagster" in note for note in rows["chain"]["notes"])

    with project.serve("--shadow") as daemon:
        assert daemon.until("daemon_started")["shadow"] is True
        await session.execute(
            "SELECT runbell.record_run_status('r1', 'good', 'SUCCESS', code_location => 'compared_project')"
        )
        told = [daemon.until("sensor_evaluated") for _ in range(2)]
        daemon.signal(15)
        assert daemon.end().code == 0
    assert {(line["sensor"], line["outcome"]) for line in told} == {
        ("compared_project:chain", "shadowed"),
        ("compared_project:count", "shadowed"),
    }
    assert await session.fetchval("SELECT count(*)::int FROM runbell.run_requests") == 0


async def test_without_the_home_of_dagster_serve_ends_with_a_sentence(project):
    done = runbell("serve", **project.settings | {"DAGSTER_HOME": ""})

    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith("runbell: DAGSTER_HOME is not set: set it to the folder that holds the dagster.yaml")
