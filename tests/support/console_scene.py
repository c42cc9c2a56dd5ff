"""A real daemon with its console: sensors that do well, raise, are slow and request runs."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import asyncpg

from support import databases, postgres
from support.daemons import record
from support.serving import Serving, serving

SENSORS = """
import time

import runbell


@runbell.run_status_sensor(run_status="SUCCESS", monitored_jobs=["load_orders"], request_job="build_report")
def report(context):
    context.log.info("report_wanted", table="orders")
    return runbell.RunRequest(run_key=context.dagster_run.run_id, tags={"team": "finance"})


@runbell.run_status_sensor(run_status="SUCCESS", monitored_jobs=["build_report"])
def publish(context):
    return runbell.SkipReason("nobody reads it on Sundays")


@runbell.run_status_sensor(run_status="SUCCESS", monitored_tags={"team": "audited"})
def audit(context):
    return runbell.SkipReason("nothing stands out")


@runbell.run_failure_sensor(name="alert", retry=runbell.RetryPolicy(attempts=1))
def alert(context):
    raise ConnectionError(f"chat.example.org did not answer for {context.dagster_run.run_id}")


@runbell.run_failure_sensor(name="ticket")
def ticket(context):
    raise ConnectionError("the ticket service is away")


@runbell.run_status_sensor(run_status="STARTED", name="slow")
def slow(context):
    time.sleep(0.2)
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is going on.

    Attributes:
        origin: where the console answers.
    """

    url: str
    origin: str
    served: Serving

    @property
    def failed_request(self) -> int:
        return int(self.ask("SELECT request_id FROM runbell.run_requests WHERE state = 'failed'"))

    @property
    def letter(self) -> int:
        return int(self.ask("SELECT max(evaluation_id) FROM runbell.evaluations WHERE sensor_name = 'alert'"))

    @property
    def addresses(self) -> dict[str, str]:
        """An address of each page, by name."""
        run = self.ask("SELECT run_key FROM runbell.run_requests WHERE run_id = 'report-1'")
        return {
            "overview": "/",
            "sensor": "/sensor?name=alert",
            "run": f"/run?id={run}&source=sql",
            "runs": "/run",
            "requests": "/requests",
            "request": f"/request?id={self.failed_request}",
            "dead-letters": "/dead-letters",
            "dead-letter": f"/dead-letter?id={self.letter}",
            "replicas": "/replicas",
        }

    def ask(self, query: str, *values: Any) -> Any:
        """One value of the database."""
        return anyio.run(_fetch, self.url, query, values)

    def act(self, query: str, *values: Any) -> None:
        self.ask(query, *values)


@contextmanager
def database(server: postgres.Server) -> Iterator[str]:
    """A migrated database that lives for longer than one test."""
    made = databases.fresh_database(server, databases.TEMPLATE)
    with anyio.from_thread.start_blocking_portal() as portal, portal.wrap_async_context_manager(made) as url:
        yield url


@contextmanager
def console(folder: Path, url: str, sensors: str = SENSORS, **variables: str) -> Iterator[Scene]:
    """A daemon with the sensors above, and its console."""
    given = {"RUNBELL_HTTP_PORT": "0", "RUNBELL_RETRY_BACKOFF_SECONDS": "600", **variables}
    with serving(folder, url, sensors=sensors, **given) as served:
        port = served.until("daemon_started")["http_port"]
        yield Scene(url, f"http://127.0.0.1:{port}", served)


async def happen(url: str) -> None:
    session = await asyncpg.connect(url)
    try:
        for number in range(1, 13):
            await record(session, f"load-{number}", "STARTED", job="load_orders")
            await record(session, f"load-{number}", "SUCCESS", job="load_orders")
        for number in range(1, 4):
            await record(session, f"etl-{number}", "FAILURE", job="etl", message="Steps failed: ['transform']")
        await _until_settled(session)
        claimed = await session.fetch("SELECT * FROM runbell.claim_run_requests('launcher', 2)")
        first, second = (row["request_id"] for row in claimed)
        await session.execute("SELECT runbell.complete_run_request($1, 1, 'report-1')", first)
        await session.execute("SELECT runbell.fail_run_request($1, 1, 'no such job: build_report')", second)
        await record(session, "report-1", "SUCCESS", job="build_report")
        await _until_settled(session, requests=12)
    finally:
        await session.close()


async def _until_settled(session: "asyncpg.Connection[asyncpg.Record]", requests: int = 12) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        made = await session.fetchval("SELECT count(*) FROM runbell.run_requests")
        settled = await session.fetchval(
            "SELECT coalesce(sum(requested + acted + skipped + failed), 0) FROM runbell.ticks"
        )
        if made == requests and settled >= 12 + 12 + 6:
            return
        await anyio.sleep(0.05)
    raise AssertionError(f"{made} requests and {settled} evaluations")


async def _fetch(url: str, query: str, values: tuple[Any, ...]) -> Any:
    session = await asyncpg.connect(url)
    try:
        return await session.fetchval(query, *values)
    finally:
        await session.close()
