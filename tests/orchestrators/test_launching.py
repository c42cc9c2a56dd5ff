"""Requests become runs of a real Dagster, as it would have made them itself, or fail with its own words."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from structlog.testing import capture_logs

from runbell.launchers.claims import ClaimLostError
from runbell.launchers.dagster.graphql import Graphql
from runbell.launchers.dagster.launcher import Dagster, launch_into_dagster
from runbell.launchers.dagster.target import DagsterTarget
from runbell.launchers.options import LaunchOptions
from runbell.store.requests import claim_run_requests
from support.daemons import until
from support.dagsters import LOCATION
from support.postgres import free_port
from support.requests import request, until_state

# Loading Dagster takes ten seconds or more on a busy machine.
pytestmark = pytest.mark.timeout(180)

RUN = """query Run($run: ID!) {
  runOrError(runId: $run) {
    ... on Run {
      jobName status repositoryOrigin { repositoryName repositoryLocationName } tags { key value } runConfigYaml
      assetSelection { path }
    }
  }
}"""


@asynccontextmanager
async def launching(database_url: str, web_url: str, **more: Any) -> AsyncIterator[None]:
    options = LaunchOptions(consumer="test", targets=("dagster",), backoff_seconds=0.05, poll_seconds=0.2, **more)
    async with anyio.create_task_group() as tasks:
        await tasks.start(launch_into_dagster, database_url, Dagster(url=web_url, answer_seconds=20.0), options)
        yield
        tasks.cancel_scope.cancel()


async def launched(queue, dagster, job, **more) -> dict[str, Any]:
    """The run that Dagster made of a request."""
    request_id = await request(queue, job, **more)
    async with launching(dagster.url, dagster.web_url):
        row = await until_state(queue, request_id, "launched", "failed")
    assert row["state"] == "launched", row["error"]
    run = dagster.ask(RUN, run=row["run_id"])
    run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert run["tags"].pop("runbell/request_id") == str(request_id)
    assert run["tags"].pop("runbell/requested_at").startswith("2")
    return run


async def failed(queue, dagster, job, *, web_url=None, **more) -> tuple[str, int]:
    """The error of a request that failed for good, and its attempts."""
    request_id = await request(queue, job, **more)
    async with launching(dagster.url, web_url or dagster.web_url, attempts=2):
        row = await until_state(queue, request_id, "failed")
    assert row["run_id"] is None
    return row["error"], row["attempts"]


async def test_a_request_becomes_a_queued_run_with_the_tags_of_a_sensors_run(queue, idle_dagster):
    tags = {"runbell/sensor": "chain", "runbell/event_id": "4711", "runbell/chain": "1", "team": "sales"}

    run = await launched(queue, idle_dagster, "extract", run_key="2026-01-01", tags=tags)

    assert (run["jobName"], run["status"]) == ("extract", "QUEUED")
    assert run["repositoryOrigin"] == {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
    # The job's own tag yields to the request's.
    assert run["tags"] == tags | {
        "dagster/sensor_name": "chain",
        "dagster/run_key": "2026-01-01",
        "dagster/code_location": LOCATION,
    }


async def test_the_location_that_a_request_names_is_where_its_job_is_launched(queue, idle_dagster):
    run = await launched(queue, idle_dagster, "extract", code_location=LOCATION, sensor=f"{LOCATION}:chain")

    assert run["tags"]["dagster/sensor_name"] == "chain"
    assert run["tags"]["team"] == "data"


async def test_a_run_config_arrives_as_it_was_given(queue, idle_dagster):
    run = await launched(
        queue, idle_dagster, "strict", run_config={"ops": {"limited": {"config": {"limit": 12345678901}}}}
    )

    assert "limit: 12345678901" in run["runConfigYaml"]


@pytest.mark.parametrize(("config", "limit"), [({}, 3), ({"ops": {"limited": {"config": {"limit": 7}}}}, 7)])
async def test_a_partition_brings_its_tags_and_unless_the_request_has_one_its_config(
    queue, idle_dagster, config, limit
):
    run = await launched(
        queue, idle_dagster, "daily", partition_key="tue", run_config=config, tags={"dagster/partition": "tue"}
    )

    assert run["tags"]["dagster/partition"] == "tue"
    assert run["tags"]["dagster/partition_set"] == "daily_partition_set"
    assert f"limit: {limit}" in run["runConfigYaml"]


async def test_assets_are_selected_and_partitioned(queue, idle_dagster):
    shop = await launched(queue, idle_dagster, "shop", asset_selection=[["orders"]])
    days = await launched(queue, idle_dagster, "calendar", asset_selection=[["days"]], partition_key="mon")

    assert shop["assetSelection"] == [{"path": ["orders"]}]
    assert days["tags"]["dagster/partition"] == "mon"


@pytest.mark.parametrize(
    ("job", "more", "error", "attempts"),
    [
        ("nowhere", {}, "Dagster has no job 'nowhere' in any location", 2),
        ("extract", {"code_location": "lake"}, "Dagster has no job 'extract' in 'lake'", 2),
        ("strict", {}, 'Missing required config entry "ops" at the root', 1),
        ("strict", {"run_config": {"ops": {"limited": {"config": {"limit": "x"}}}}}, 'Value "x" of type', 1),
        ("shop", {"asset_selection": [["prices"]]}, "AssetKey(s) ['prices'] were selected", 1),
        ("daily", {"partition_key": "sun"}, "job 'daily' has no partition 'sun'", 1),
        ("extract", {"partition_key": "sun"}, "job 'extract' has no partitions, and so no 'sun'", 1),
    ],
)
async def test_what_dagster_will_not_launch_fails_with_its_words(queue, idle_dagster, job, more, error, attempts):
    said, tried = await failed(queue, idle_dagster, job, **more)

    assert error in said
    assert tried == attempts
    assert await queue.fetchval("SELECT count(*) FROM runs") == 0


async def test_an_address_without_a_webserver_is_no_failure_of_requests_and_one_of_them_finds_out(queue, idle_dagster):
    ids = [await request(queue, "extract") for _ in range(20)]
    with capture_logs() as logs:
        async with launching(idle_dagster.url, f"http://127.0.0.1:{free_port()}", attempts=1):

            async def tried() -> int:
                return await queue.fetchval("SELECT max(attempts) FROM runbell.run_requests")

            await until(tried, lambda most: most >= 2)
    rows = await queue.fetch("SELECT * FROM runbell.run_requests ORDER BY request_id")
    assert [row["request_id"] for row in rows] == ids
    assert {row["state"] for row in rows} <= {"pending", "claimed"}
    assert "Dagster cannot be reached: ConnectError" in max(row["error"] or "" for row in rows)
    # The first eight were claimed together; after that one at a time.
    assert sum(row["attempts"] for row in rows) <= 8 + 4
    assert {line["log_level"] for line in logs if line["event"] == "run_launch_failed"} == {"warning"}

    async with launching(idle_dagster.url, idle_dagster.web_url, attempts=1):
        for request_id in ids:
            await until_state(queue, request_id, "launched")
    assert await queue.fetchval("SELECT count(*) FROM runs") == len(ids)


async def test_runs_in_progress_are_counted_by_dagster(queue, idle_dagster):
    # Somebody's, which does not count.
    idle_dagster.launch("extract")
    ids = [await request(queue, "extract") for _ in range(3)]
    async with launching(idle_dagster.url, idle_dagster.web_url, max_in_progress=2):
        for request_id in ids[:2]:
            await until_state(queue, request_id, "launched")
        assert (await until_state(queue, ids[2], "pending"))["attempts"] == 0
        await queue.execute("UPDATE runs SET status = 'CANCELED' WHERE status = 'QUEUED'")
        await until_state(queue, ids[2], "launched")


async def test_a_run_that_was_executed_again_is_not_taken_for_the_requests(queue, idle_dagster):
    request_id = await request(queue, "extract")
    async with launching(idle_dagster.url, idle_dagster.web_url):
        first = (await until_state(queue, request_id, "launched"))["run_id"]
        again = idle_dagster.ask(
            """mutation Again($run: String!) {
              launchRunReexecution(reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) {
                ... on LaunchRunSuccess { run { runId } } ... on Error { message }
              }
            }""",
            run=first,
        )
        assert again["run"]["runId"] != first
        # As if the launcher had died before its report.
        await queue.execute("UPDATE runbell.run_requests SET state = 'pending', run_id = NULL, due_at = NULL")
        await queue.execute("NOTIFY runbell_requests")
        row = await until_state(queue, request_id, "launched")

    assert (row["attempts"], row["run_id"]) == (2, first)


async def test_whoever_has_lost_its_claim_launches_nothing(queue, idle_dagster):
    class Lost:
        async def confirm(self, seconds: float) -> None:
            assert seconds == 20.0
            raise ClaimLostError

    await request(queue, "extract")
    (held,) = await claim_run_requests(queue, consumer="c", max_requests=1, hold_seconds=60, targets=None)
    async with Graphql(idle_dagster.web_url, headers={}, answer_seconds=20.0) as graphql:
        with pytest.raises(ClaimLostError):
            await DagsterTarget(graphql).launch(held, Lost())

    assert await queue.fetchval("SELECT count(*) FROM runs") == 0


async def test_a_request_of_another_database_with_the_same_id_is_another(queue, idle_dagster):
    run = await launched(queue, idle_dagster, "extract")
    await queue.execute(
        "UPDATE runbell.run_requests SET state = 'pending', requested_at = requested_at + interval '1s'"
    )
    async with launching(idle_dagster.url, idle_dagster.web_url):
        request_id = await queue.fetchval("SELECT max(request_id) FROM runbell.run_requests")
        row = await until_state(queue, request_id, "launched")

    assert row["attempts"] == 2
    assert await queue.fetchval("SELECT count(*) FROM runs") == 2
    assert run["tags"]["dagster/sensor_name"] == "chain"
    assert json.loads(row["tags"]) == {}


async def test_while_the_code_server_is_away_a_request_waits_with_dagsters_words(queue, idle_dagster):
    idle_dagster.stop_code()
    request_id = await request(queue, "extract")
    async with launching(idle_dagster.url, idle_dagster.web_url, attempts=1):

        async def said() -> str:
            return await queue.fetchval("SELECT coalesce(error, '') FROM runbell.run_requests")

        assert "code" in await until(said)
        idle_dagster.start_code()
        row = await until_state(queue, request_id, "launched", seconds=60)

    assert row["attempts"] > 1
    assert await queue.fetchval("SELECT count(*) FROM runs") == 1
