"""`runbell serve` as a process that does its work and is told to stop."""

import json
import signal

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
