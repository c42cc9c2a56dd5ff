"""A chain of runs that Dagster executes and Runbell answers; how long an answer takes, beside Dagster's own daemon."""

import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import asyncpg
import pytest

from support.daemons import until
from support.dagsters import Dagster, dagster
from support.postgres import private_server
from support.processes import runbell, started

HERE = Path(__file__).parent
MEASURED = 4
# So that the events meet Dagster's ticks, 30 s apart, at different moments.
APART_SECONDS = 7.0
A_TICK_SECONDS = 60.0
pytestmark = pytest.mark.timeout(300)

LATENCIES = """
SELECT
    r.pipeline_name AS job,
    (extract(EPOCH FROM r.create_timestamp AT TIME ZONE 'UTC') - u.end_time)::float8 AS seconds
FROM runs AS r
JOIN runs AS u ON u.run_id = r.run_body::json -> 'tags' ->> 'answers'
WHERE r.pipeline_name LIKE 'answer_of_%'
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Code server, webserver and daemon, which executes what is queued and ticks its own sensors; attached."""
    folder = tmp_path_factory.mktemp("live")
    with private_server() as server, dagster(server, folder, HERE / "launched_jobs.py", daemon=True) as made:
        for command in (("migrate",), ("attach", "dagster")):
            done = runbell(*command, timeout=120, RUNBELL_DATABASE_URL=made.url)
            assert done.code == 0, done.stderr
        yield made


@pytest.fixture(scope="module")
def alerts(live: Dagster) -> Iterator[Path]:
    """One `serve` that also launches; what its sensors alerted of."""
    file = live.folder / "alerts"
    file.touch()
    settings = {
        "RUNBELL_DATABASE_URL": live.url,
        "RUNBELL_SENSORS": str(HERE / "launching_sensors.py"),
        "RUNBELL_DAGSTER_URL": live.web_url,
        "RUNBELL_LOG_FORMAT": "json",
        "ALERTS_FILE": str(file),
        "NO_PROXY": "127.0.0.1",
    }
    with started("serve", "--launch", "dagster", **settings) as process:
        process.until("launcher_started")
        yield file
        process.signal(15)
        ended = process.end()
        assert ended.code == 0, ended.stderr
        assert '"launcher_stopped"' in ended.stdout


@pytest.fixture
async def session(live):
    session = await asyncpg.connect(live.url)
    yield session
    await session.close()


async def test_a_run_leads_to_a_run_and_that_to_an_alert(live, alerts, session):
    first = live.launch("extract")

    async def look() -> list[str]:
        return alerts.read_text().splitlines()

    (line,) = await until(look, seconds=A_TICK_SECONDS, every=0.1)
    second, answers, depth = line.split()
    assert (answers, depth) == (first, "1")
    runs = {row["run_id"]: row for row in await session.fetch("SELECT * FROM runs")}
    assert {run_id: row["pipeline_name"] for run_id, row in runs.items()} == {first: "extract", second: "transform"}
    assert {row["status"] for row in runs.values()} == {"SUCCESS"}
    (request,) = await session.fetch("SELECT * FROM runbell.run_requests")
    assert (request["state"], request["run_id"], request["run_key"]) == ("launched", second, first)


async def test_from_an_event_to_the_run_that_answers_it_beside_dagsters_own_daemon(live, alerts, session):
    async def ticked() -> int:
        return await session.fetchval("SELECT count(DISTINCT selector_id) FROM job_ticks")

    async def answered() -> Counter[str]:
        return Counter(row["job"] for row in await session.fetch(LATENCIES))

    # The first tick of a sensor answers nothing.
    await until(ticked, lambda sensors: sensors >= MEASURED, seconds=A_TICK_SECONDS)
    for number in range(MEASURED):
        live.launch(f"measured_{number}")
        await anyio.sleep(APART_SECONDS)
    await until(answered, lambda jobs: jobs.total() >= 2 * MEASURED, seconds=A_TICK_SECONDS, every=0.5)

    assert await answered() == {"answer_of_dagster": MEASURED, "answer_of_runbell": MEASURED}
    for daemon in ("runbell", "dagster"):
        seconds = sorted(row["seconds"] for row in await session.fetch(LATENCIES) if daemon in row["job"])
        print(
            f"\nend of a run -> run that answers it is created, by {daemon}: median {statistics.median(seconds):.2f} s"
            f" of {len(seconds)} ({', '.join(f'{one:.2f}' for one in seconds)})"
        )
