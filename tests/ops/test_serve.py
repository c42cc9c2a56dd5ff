"""`runbell serve` as a process that does its work and is told to stop."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from support.postgres import psql
from support.processes import started

SENSORS = """
import os
import runbell as dg

print("printed at import")


@dg.run_failure_sensor(request_job="repair")
def on_failure(context):
    print("printed by the sensor")
    os.system("echo printed by a child")
    context.log.info("noticed %s", context.dagster_run.run_id)
    return dg.RunRequest(run_key=context.dagster_run.run_id, job_name="repair")
"""

HANGING = """
import pathlib
import time
import runbell as dg


@dg.run_failure_sensor
def hangs(context):
    pathlib.Path("called").touch()
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sensors.py").write_text(SENSORS)
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_told_to_stop_also_where_sigint_was_ignored(folder, database_url, number):
    with started("serve", cwd=folder, ignoring=(signal.SIGINT,), RUNBELL_DATABASE_URL=database_url) as process:
        process.until("daemon_started")
        psql(database_url, "SELECT runbell.record_run_status('r1', 'load', 'FAILURE')")
        line = process.until("sensor_evaluated")
        process.signal(number)
        done = process.end()

    assert (line["outcome"], line["sensor"], line["run_id"]) == ("requested", "on_failure", "r1")
    assert done.code == 0
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "daemon_stopped"
    assert psql(database_url, "SELECT job_name, run_key FROM runbell.run_requests") == "repair|r1\n"


def test_stdout_has_log_lines_only_and_stderr_what_is_printed(folder, database_url):
    with started("serve", cwd=folder, RUNBELL_DATABASE_URL=database_url, RUNBELL_LOG_LEVL="debug") as process:
        process.until("daemon_started")
        psql(database_url, "SELECT runbell.record_run_status('r1', 'load', 'FAILURE')")
        process.until("sensor_evaluated")
        process.signal(signal.SIGTERM)
        done = process.end()

    # At import by each process that loads the module: one that answers, and one that stands by.
    assert set(done.stderr.splitlines()) == {"printed at import", "printed by a child", "printed by the sensor"}
    assert all({"event", "level", "timestamp"} <= set(line) for line in process.lines)
    events = {line["event"]: line for line in process.lines}
    assert events["noticed r1"]["sensor"] == "on_failure"
    assert events["unknown_setting_ignored"]["meant"] == "RUNBELL_LOG_LEVEL"


@pytest.mark.parametrize("timeout", ["0.2", "60"], ids=["given up before", "still called"])
def test_a_function_that_never_returns_does_not_keep_it(tmp_path, database_url, timeout):
    (tmp_path / "sensors.py").write_text(HANGING)
    given = {"RUNBELL_SHUTDOWN_GRACE_SECONDS": "1", "RUNBELL_SENSOR_TIMEOUT_SECONDS": timeout}
    with started("serve", cwd=tmp_path, RUNBELL_DATABASE_URL=database_url, **given) as process:
        process.until("daemon_started")
        psql(database_url, "SELECT runbell.record_run_status('r1', 'load', 'FAILURE')")
        if timeout == "60":
            until((tmp_path / "called").exists)
        else:
            process.until("thread_abandoned")
        process.signal(signal.SIGTERM)
        # The grace period, and what the contract allows beyond it.
        done = process.end(timeout=1 + 3)

    logged = [*process.lines, *map(json.loads, done.stdout.splitlines())]
    workers = [line["pid"] for line in logged if line["event"] == "worker_started"]
    assert (done.code, done.stderr) == (0, "")
    assert logged[-1]["event"] == "daemon_stopped"
    assert "thread_abandoned" in {line["event"] for line in logged}
    assert workers
    until(lambda: not any(map(psutil.pid_exists, workers)))
    # What was being called is left for the next start, what had been given up waits to be tried again.
    assert psql(database_url, "SELECT state FROM runbell.evaluations") == ("" if timeout == "60" else "retry\n")


def test_what_it_never_uses_it_does_not_load_and_others_may():
    given_up = "import sys; from runbell.ops.cli import app\ntry: app(['serve'])\nexcept SystemExit: "
    done = subprocess.run(
        [sys.executable, "-c", f"{given_up}print('rich' in sys.modules, 'structlog' in sys.modules); import rich"],
        env={name: value for name, value in os.environ.items() if not name.startswith("RUNBELL_")},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout == "False True\n"


def until(holds, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)
