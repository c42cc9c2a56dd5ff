"""A daemon in virtual time calls when the real one would."""

from datetime import timedelta
from typing import Any

import pytest

import runbell
from runbell.testing import VirtualDaemon

DOWN: list[bool] = []


@pytest.fixture(autouse=True)
def _up() -> None:
    DOWN.clear()


@runbell.run_failure_sensor
def alert(context: Any) -> None:
    if DOWN:
        raise ConnectionError("away")


def moments(daemon: VirtualDaemon) -> list[float]:
    return [call.at for call in daemon.calls]


def test_a_failure_is_called_again_until_the_world_is_back() -> None:
    daemon = VirtualDaemon(alert)
    DOWN.append(True)
    daemon.record(job_name="load", status="FAILURE")
    daemon.advance(10)
    DOWN.clear()
    daemon.advance(60)

    assert moments(daemon) == [0, 1, 5, 21]
    assert [call.attempt for call in daemon.calls] == [1, 2, 3, 4]
    assert [call.next_at for call in daemon.calls] == [1, 5, 21, None]
    assert (daemon.calls[-1].outcome, daemon.dead, daemon.waiting, daemon.now) == ("acted", [], 0, 70)


def test_it_is_given_up_as_the_settings_say() -> None:
    daemon = VirtualDaemon(alert, retry_attempts=3, retry_backoff_seconds=100)
    DOWN.append(True)
    daemon.record(job_name="load", status="FAILURE")
    daemon.finish()

    assert (moments(daemon), daemon.now) == ([0, 100, 500], 500)
    assert [call.attempt for call in daemon.dead] == [3]


@runbell.run_failure_sensor(retry=runbell.RetryPolicy(max_age_seconds=120))
def waits(context: Any) -> None:
    raise runbell.Retry(after=timedelta(seconds=50), reason="not yet")


@runbell.run_failure_sensor
def mistaken(context: Any) -> None:
    raise KeyError("no such column")


def test_what_the_function_asks_for_and_how_it_fails_count() -> None:
    daemon = VirtualDaemon(waits, mistaken)
    daemon.record(status="FAILURE")
    daemon.finish()

    assert [call.at for call in daemon.calls if call.sensor_name == "waits"] == [0, 50, 100]
    assert [call.at for call in daemon.calls if call.sensor_name == "mistaken"] == [0, 1, 5]
    assert [call.sensor_name for call in daemon.dead] == ["mistaken", "waits"]


@runbell.run_status_sensor("SUCCESS", request_job="report", max_per_minute=2)
def report(context: Any) -> Any:
    return runbell.RunRequest(run_key=context.dagster_run.run_id)


def test_no_more_begin_within_a_minute_than_may() -> None:
    daemon = VirtualDaemon(report)
    for number in range(5):
        daemon.record(job_name="load", run_id=f"r{number}")
    assert moments(daemon) == [0, 0]
    assert daemon.waiting == 3
    daemon.advance(61)
    daemon.finish()

    assert moments(daemon) == [0, 0, 60.25, 60.25, 120.5]
    assert [request.run_key for request in daemon.requests] == ["r0", "r1", "r2", "r3", "r4"]


def test_retries_count_against_the_pace_and_come_behind_what_waits() -> None:
    failed: list[str] = []

    @runbell.run_failure_sensor(max_per_minute=2, retry=runbell.RetryPolicy(backoff_seconds=1))
    def paced(context: Any) -> None:
        if context.dagster_run.run_id == "a" and not failed:
            failed.append("a")
            raise ConnectionError("away")

    daemon = VirtualDaemon(paced)
    for run_id in "abc":
        daemon.record(run_id=run_id, status="FAILURE")
    daemon.finish()

    assert [(call.at, call.run_id, call.attempt) for call in daemon.calls] == [
        (0, "a", 1),
        (0, "b", 1),
        (60.25, "c", 1),
        (60.25, "a", 2),
    ]


def test_events_reach_the_sensors_that_ask_for_them() -> None:
    @runbell.run_status_sensor(["SUCCESS", "FAILURE"], monitored_jobs=["load_*"])
    def loads(context: Any) -> Any:
        return runbell.SkipReason(f"{context.sensor_name} {context.dagster_run.create_timestamp:.0f}")

    daemon = VirtualDaemon(alert, loads, code_location="here")
    daemon.advance(5)
    daemon.record(job_name="load_orders", status="FAILURE")
    daemon.record(job_name="load_orders", status="FAILURE", code_location="there")
    daemon.record(job_name="other")
    daemon.record(job_name="load_orders", requester="here:loads")

    assert [(call.sensor_name, call.event_id) for call in daemon.calls] == [("here:alert", 1), ("here:loads", 1)]
    assert daemon.calls[1].evaluated.reason == "here:loads 1767225605"


def test_resources_and_final_failures_count_as_in_the_real_one() -> None:
    @runbell.run_failure_sensor(only_final_failures=True)
    def tell(context: Any) -> Any:
        return runbell.SkipReason(context.resources.greeting)

    daemon = VirtualDaemon(tell)
    daemon.record(status="FAILURE", tags={"dagster/will_retry": "true"}, resources={"greeting": "hello"})
    daemon.record(status="FAILURE", resources={"greeting": "hello"})

    assert [call.evaluated.reason for call in daemon.calls] == ["the run is retried (tag dagster/will_retry)", "hello"]


def test_a_daemon_without_sensors_lets_time_pass() -> None:
    daemon = VirtualDaemon()
    daemon.record()
    daemon.advance(3)
    daemon.finish()

    assert (daemon.calls, daemon.now) == ([], 3)
