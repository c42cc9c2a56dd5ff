"""An alert that some places have taken and others have not goes to those others alone when it is sent again."""

from collections.abc import Iterator

import asyncpg
import pytest

import runbell
from runbell.alerts.deliveries import Deliveries
from runbell.alerts.refusals import NotifyError
from runbell.core.sensors import Sensor
from runbell.testing import VirtualDaemon
from support.channels import Answer, Web, web
from support.daemons import record, running, until

# What Apprise imports is Apprise's business.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

RETRY = runbell.RetryPolicy(attempts=3, backoff_seconds=1)


@pytest.fixture
def well() -> Iterator[Web]:
    with web() as opened:
        yield opened


@pytest.fixture
def late() -> Iterator[Web]:
    """Takes nothing but what comes third and later."""
    refusals = iter([Answer(500), Answer(500)])
    with web(lambda _: next(refusals, Answer())) as opened:
        yield opened


def address(place: Web) -> str:
    return f"json://127.0.0.1:{place.port}/"


def titles(place: Web) -> list[str]:
    return [posted.document["title"] for posted in place.received]


def telling(urls: str) -> Sensor:
    return runbell.make_notify_on_run_failure_sensor(
        urls, name="tell", retry=RETRY, title_fn=lambda context: context.dagster_run.run_id
    )


def writing(urls: str) -> Sensor:
    @runbell.run_failure_sensor(name="write", retry=runbell.RetryPolicy(attempts=1))
    def write(context: runbell.RunFailureSensorContext) -> None:
        refusals = []
        for part in (1, 2):
            try:
                runbell.notify(context, urls, title=f"{context.dagster_run.run_id}.{part}")
            except NotifyError as error:
                refusals.append(error)
        if refusals:
            raise refusals[0]

    return write


def test_an_alert_goes_once_to_each_url_though_one_of_them_fails(well: Web, late: Web) -> None:
    daemon = VirtualDaemon(telling(f"{address(late)} {address(well)}"))
    for run_id in ("r1", "r2"):
        daemon.record(job_name="load", run_id=run_id, status="FAILURE")
    daemon.finish()

    assert [call.outcome for call in daemon.calls] == ["failed", "failed", "acted", "acted"]
    assert (titles(well), titles(late)) == (["r1", "r2"], ["r1", "r2", "r1", "r2"])


def test_messages_of_one_function_are_told_apart_by_their_words(well: Web, late: Web) -> None:
    daemon = VirtualDaemon(writing(f"{address(late)} {address(well)}"))
    daemon.record(job_name="load", run_id="r1", status="FAILURE")
    daemon.finish()

    assert [call.outcome for call in daemon.calls] == ["failed"]
    assert (titles(well), titles(late)) == (["r1.1", "r1.2"], ["r1.1", "r1.2"])


def test_what_everybody_has_taken_may_be_told_once_more(well: Web) -> None:
    daemon = VirtualDaemon(telling(address(well)))
    for _ in range(2):
        daemon.record(event_id=7, job_name="load", run_id="r1", status="FAILURE")

    assert titles(well) == ["r1", "r1"]


async def test_a_daemon_remembers_over_its_terms(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]", well: Web
) -> None:
    # It takes nothing until the daemon's sessions were lost.
    answer = Answer(500)
    with web(lambda _: answer) as broken:
        sensor = runbell.make_notify_on_run_failure_sensor(
            f"{address(broken)} {address(well)}", retry=runbell.RetryPolicy(attempts=30, backoff_seconds=0.1, factor=1)
        )

        async def asked() -> int:
            return len(broken.received)

        async with running(database_url, sensor):
            await record(connection, "r1", "FAILURE", job="load")
            await until(asked)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            before = len(broken.received)
            answer = Answer()
            await until(asked, lambda now: now > before)
            await until(lambda: connection.fetchval("SELECT count(*) FROM runbell.evaluations"), (0).__eq__)

    assert len(well.received) == 1


def test_the_oldest_are_forgotten_when_there_are_too_many() -> None:
    deliveries = Deliveries(most=2)
    for message in ("a", "b", "b", "c"):
        deliveries.add(message, "here")

    assert [message for message in "abc" if deliveries.of(message)] == ["b", "c"]
