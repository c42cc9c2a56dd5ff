"""The figures: exactly the contract's names, as many series as there are sensors, cheap to keep and to scrape."""

import math
import re
import threading
import time

import anyio
import pytest

from runbell import RunRequest, RunStatusSensorContext, SkipReason, run_status_sensor
from runbell.core.errors import StoreUnavailableError
from runbell.core.events import RunEvent
from runbell.core.progress import Evaluation
from runbell.core.requests import Conclusion
from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.ops import standing
from runbell.ops.exposition import FAMILIES, write
from runbell.ops.histograms import BUCKETS
from runbell.ops.metrics import Metrics
from runbell.ops.standing import Standing, StandingReader
from support.daemons import evaluations, record, until
from support.http import SAMPLE
from support.processes import python

# Those of the contract stand for ever; what else there is may grow.
CONTRACT = {
    "runbell_sensor_lag_seconds": ("gauge", ("sensor",)),
    "runbell_sensor_lag_events": ("gauge", ("sensor",)),
    "runbell_request_latency_seconds": ("histogram", ()),
    "runbell_evaluations_total": ("counter", ("sensor", "outcome")),
    "runbell_dead_letters": ("gauge", ("sensor",)),
    "runbell_requests": ("gauge", ("state",)),
}


def text_of(metrics, standing=None):
    return write(metrics.counts(), standing or Standing())


def event(number, age=0.0):
    return RunEvent(
        event_id=number,
        xid=number,
        source="sql",
        run_id="r",
        job_name="j",
        code_location=None,
        status="SUCCESS",
        native_status="SUCCESS",
        partition_key=None,
        tags="{}",
        message=None,
        error=None,
        recorded_at=time.time() - age,
    )


def samples(text):
    return {f"{name}{{{labels}}}": float(value) for name, labels, value in SAMPLE.findall(text)}


def test_the_names_types_and_labels_of_the_contract_stay():
    families = {family.name: (family.kind, tuple(family.labels)) for family in FAMILIES}

    assert {name: families[name] for name in CONTRACT} == CONTRACT


def test_each_family_is_written_with_its_type_and_meaning():
    text = text_of(Metrics(["a"]))

    said = {family.name: family.kind for family in FAMILIES}
    assert dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE)) == said
    assert set(re.findall(r"^# HELP (\w+) \w", text, re.MULTILINE)) == set(said)


def test_there_are_as_many_series_as_sensors_however_much_is_measured():
    metrics = Metrics(["a", "b"])
    before = len(samples(text_of(metrics)))

    for number in range(1000):
        metrics.read([event(number)])
        metrics.committed("a", [Evaluation(event(number), finished_at=time.monotonic(), duration_ms=3.0)])
        metrics.committed("b", [Evaluation(event(number), conclusion=Conclusion("acted"))])
        metrics.woke(rung=number % 2 == 0)

    assert len(samples(text_of(metrics))) == before


def test_of_what_comes_in_bulk_a_sample_stands_for_the_rest():
    metrics = Metrics(["a"])

    metrics.read([event(number, age=0.02) for number in range(1000)])
    metrics.read([event(1, age=5.0)])

    found = samples(text_of(metrics))
    assert found["runbell_seen_latency_seconds_count{}"] == 1001
    assert found['runbell_seen_latency_seconds_bucket{le="1.0"}'] == 1000


def test_every_outcome_and_every_request_of_a_commit_is_counted():
    metrics = Metrics(["a"])
    outcomes = ["acted"] * 700 + ["requested"] * 299 + ["failed"]

    metrics.committed("a", [Evaluation(event(n), conclusion=Conclusion(one)) for n, one in enumerate(outcomes)])
    metrics.requested([0.02] * 299)

    found = samples(text_of(metrics))
    counted = {outcome: count for (_, outcome), count in metrics.counts().evaluations.items()}
    assert counted == {"acted": 700, "requested": 299, "failed": 1, "skipped": 0}
    assert found["runbell_request_latency_seconds_count{}"] == 299


def test_what_a_function_took_is_added_up_whole():
    metrics = Metrics(["a"])

    metrics.committed("a", [Evaluation(event(n), finished_at=time.monotonic(), duration_ms=2.0) for n in range(500)])

    found = samples(text_of(metrics))
    assert found['runbell_evaluation_seconds_total{sensor="a"}'] == pytest.approx(1.0)
    assert found["runbell_evaluation_duration_seconds_count{}"] == 500


def test_every_outcome_of_every_sensor_begins_at_zero_so_that_the_first_failure_is_an_increase():
    found = samples(text_of(Metrics(["a", "b"])))

    series = {name: value for name, value in found.items() if name.startswith("runbell_evaluations")}
    assert set(series.values()) == {0}
    assert len(series) == 8


@pytest.mark.parametrize(
    ("latency", "bucket"), [(0.0004, "0.001"), (0.001, "0.001"), (0.0011, "0.0025"), (59.0, "60.0"), (9000.0, "+Inf")]
)
def test_a_latency_is_counted_from_its_bucket_upwards(latency, bucket):
    metrics = Metrics([])

    metrics.requested([latency])

    found = samples(text_of(metrics))
    counted = [bound for bound in [*map(str, BUCKETS), "+Inf"] if found[bucket_of(bound)]]
    assert counted[0] == bucket
    assert found["runbell_request_latency_seconds_count{}"] == 1
    assert found["runbell_request_latency_seconds_sum{}"] == latency


@pytest.mark.parametrize("latency", [-0.2, -math.inf, math.inf, math.nan])
def test_another_clock_or_an_impossible_time_does_not_spoil_the_sum(latency):
    metrics = Metrics([])

    metrics.requested([latency])

    assert samples(text_of(metrics))["runbell_request_latency_seconds_sum{}"] == 0


def test_names_with_quotes_and_newlines_stay_one_line_each():
    metrics = Metrics(['a "sensor"\n\\'])
    metrics.committed('a "sensor"\n\\', [Evaluation(event(1), conclusion=Conclusion("acted"))])

    assert 'sensor="a \\"sensor\\"\\n\\\\"} 1.0\n' in text_of(metrics)


def test_nothing_of_prometheus_or_the_server_is_loaded_until_it_is_needed():
    said = python(
        "import sys, runbell.ops.commands.serve\n"
        "print(*(m for m in ('prometheus_client', 'starlette', 'uvicorn', 'h11') if m in sys.modules))"
    )

    assert said.split() == []


async def test_what_came_while_nobody_ran_is_measured_too(database_url, connection):
    await deployed(database_url)
    for number in range(3):
        await record(connection, f"r{number}")
    metrics = Metrics(["answer"])
    daemon = Daemon(DaemonOptions(database_url=database_url, module="m", sensors=(answer,)), measures=metrics)
    async with anyio.create_task_group() as tasks:
        await tasks.start(daemon.run)
        found = await until(
            lambda: counted(metrics), lambda samples: samples["runbell_request_latency_seconds_count{}"] == 3
        )
        daemon.stop()

    assert found["runbell_seen_latency_seconds_count{}"] == 3


async def test_what_a_daemon_did_is_counted_and_how_things_stand_is_read(database_url, connection):
    metrics = Metrics(["answer", "broken"])
    reader = StandingReader(database_url, ["answer", "broken"])
    daemon = Daemon(
        DaemonOptions(database_url=database_url, module="m", sensors=(answer, broken), retry_attempts=1),
        measures=metrics,
    )
    async with anyio.create_task_group() as tasks:
        await tasks.start(daemon.run)
        tasks.start_soon(reader.run)
        await record(connection, "one")
        await record(connection, "two", job="dull")
        await until(
            lambda: connection.fetchval("SELECT sum(acted + requested + skipped + failed) FROM runbell.ticks"),
            lambda settled: settled == 4,
        )
        found = samples(text_of(metrics, await reader.current()))
        tasks.cancel_scope.cancel()

    assert [row["state"] for row in await evaluations(connection)] == ["dead", "dead"]
    assert found['runbell_evaluations_total{outcome="requested",sensor="answer"}'] == 1
    assert found['runbell_evaluations_total{outcome="skipped",sensor="answer"}'] == 1
    assert found['runbell_evaluations_total{outcome="failed",sensor="broken"}'] == 2
    assert found["runbell_request_latency_seconds_count{}"] == 1
    assert 0 < found["runbell_request_latency_seconds_sum{}"] < 10
    assert found['runbell_dead_letters{sensor="broken"}'] == 2
    assert found['runbell_dead_letters{sensor="answer"}'] == 0
    assert found['runbell_requests{state="pending"}'] == 1
    assert found['runbell_requests{state="launched"}'] == 0


async def test_a_sensor_that_is_behind_shows_it(database_url, connection):
    await deployed(database_url)
    for number in range(3):
        await record(connection, f"r{number}")
    await connection.execute("UPDATE runbell.run_events SET recorded_at = recorded_at - interval '1 minute'")

    found = samples(text_of(Metrics(["answer"]), await read(database_url, ["answer"])))

    assert found['runbell_sensor_lag_events{sensor="answer"}'] == 3
    assert 60 <= found['runbell_sensor_lag_seconds{sensor="answer"}'] < 100


async def test_sensors_of_other_modules_are_theirs_to_report(database_url, connection):
    await deployed(database_url)

    found = samples(text_of(Metrics(["another"]), await read(database_url, ["another"])))

    assert not [name for name in found if "answer" in name]


async def test_scraping_often_reads_the_database_once(database_url, connection):
    reader = StandingReader(database_url, ["answer"])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader.run)
        first = await reader.current()
        again = [await reader.current() for _ in range(50)]
        tasks.cancel_scope.cancel()

    assert first.requests
    assert all(standing is first for standing in again)


async def test_reading_holds_nobody_up(database_url, monkeypatch):
    async def slow(session):
        threading.Event().wait(1)
        raise StoreUnavailableError("it took long")

    monkeypatch.setattr(standing, "read_overview", slow)
    reader = StandingReader(database_url, [])
    longest = 0.0
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader.run)
        tasks.start_soon(reader.current)
        while not reader.last.failure:
            began = anyio.current_time()
            await anyio.sleep(0.001)
            longest = max(longest, anyio.current_time() - began)
        tasks.cancel_scope.cancel()

    assert longest < 0.5


@run_status_sensor(run_status="SUCCESS", request_job="next")
def answer(context: RunStatusSensorContext) -> RunRequest | SkipReason:
    if context.dagster_run.job_name == "dull":
        return SkipReason("dull")
    return RunRequest(run_key=context.dagster_run.run_id)


@run_status_sensor(run_status="SUCCESS")
def broken(context: RunStatusSensorContext) -> None:
    raise RuntimeError("always")


async def counted(metrics):
    return samples(text_of(metrics))


async def deployed(url):
    """The sensor is known, and no daemon runs."""
    daemon = Daemon(DaemonOptions(database_url=url, module="m", sensors=(answer,)))
    async with anyio.create_task_group() as tasks:
        await tasks.start(daemon.run)
        daemon.stop()


async def read(url, names):
    reader = StandingReader(url, names)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(reader.run)
        standing = await reader.current()
        tasks.cancel_scope.cancel()
    return standing


def bucket_of(bound):
    return f'runbell_request_latency_seconds_bucket{{le="{bound}"}}'
