"""`runbell launch`, and `serve --launch`: what the operator is told when it cannot be."""

import anyio
import pytest
from structlog.testing import capture_logs

from runbell.ops import serving_launcher
from runbell.ops.settings import read_settings
from support.daemons import until
from support.processes import runbell, started
from support.requests import request, until_state

URL = "postgresql://localhost:1/nowhere"


@pytest.mark.parametrize("command", [("launch", "{}"), ("serve", "--launch", "{}")])
@pytest.mark.parametrize(
    ("target", "settings", "said"),
    [
        ("airflow", {}, "unknown target 'airflow': there is 'dagster', 'simulated'"),
        ("dagster", {}, "RUNBELL_DAGSTER_URL is missing: set it, or give --dagster-url; it must be the address of"),
        ("dagster", {"URL": "ftp://ann:secret@dagster"}, "RUNBELL_DAGSTER_URL is 'ftp://***@dagster', but it must be"),
        ("dagster", {"URL": "http://dagster:99999"}, "RUNBELL_DAGSTER_URL is 'http://dagster:99999', but it must be"),
        ("dagster", {"URL": "http://d", "HEADERS": "secret"}, "line 1 of RUNBELL_DAGSTER_HEADERS is no header"),
        ("dagster", {"URL": "http://d", "HEADERS_FILE": "/no/such"}, "RUNBELL_DAGSTER_HEADERS_FILE: '/no/such'"),
        ("dagster", {"URL": "http://d", "ANSWER_SECONDS": "0"}, "RUNBELL_DAGSTER_ANSWER_SECONDS is '0', but it must"),
    ],
)
def test_a_mistake_is_named_before_anything_starts(command, target, settings, said):
    given = {f"RUNBELL_DAGSTER_{name}": value for name, value in settings.items()}

    done = runbell(*(part.format(target) for part in command), RUNBELL_DATABASE_URL=URL, **given)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_serve_launches_what_its_sensors_request_and_drains_both(database_url, connection, tmp_path):
    (tmp_path / "sensors.py").write_text(
        "import runbell as rb\n\n\n"
        "@rb.run_status_sensor(run_status='SUCCESS', request_job='next')\n"
        "def chain(context: rb.RunStatusSensorContext) -> rb.RunRequest:\n"
        "    return rb.RunRequest(run_key=context.dagster_run.run_id)\n"
    )
    settings = {"RUNBELL_DATABASE_URL": database_url, "RUNBELL_LOG_FORMAT": "json"}
    with started("serve", "--launch", "simulated", "--launch-source", "sql", cwd=tmp_path, **settings) as process:
        assert process.until("launcher_started")["targets"] == ["sql"]
        await connection.execute("SELECT runbell.record_run_status('r1', 'first', 'SUCCESS')")
        assert process.until("run_launched")["run_key"] == "r1"
        row = await until_state(connection, await request(connection, "by_hand", target="sql"), "launched")
        assert row["run_id"] == f"requested-{row['request_id']}"

        process.signal(15)
        ended = process.end()
    assert ended.code == 0
    assert ended.stdout.count('"launcher_stopped"') == 1
    assert ended.stdout.count('"daemon_stopped"') == 1


async def test_a_launcher_that_is_stopped_in_the_middle_of_its_work_holds_nothing(database_url, connection):
    """What it held would wait for a minute; it claims nearly all the time."""
    await connection.execute(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) "
        "SELECT 's', n, 0, 'simulated', 'etl' FROM generate_series(1, 3000) AS n"
    )
    settings = {"RUNBELL_DATABASE_URL": database_url, "RUNBELL_LOG_FORMAT": "json"}
    for _ in range(3):
        with started("launch", "simulated", **settings) as process:
            for _ in range(40):
                process.until("run_launched")
            process.signal(15)
            assert process.end().code == 0

    left = await connection.fetch("SELECT state, count(*) FROM runbell.run_requests GROUP BY state ORDER BY state")
    assert [row["state"] for row in left] == ["launched", "pending"]


async def test_a_launcher_beside_a_daemon_that_fails_is_started_again(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(serving_launcher, "AGAIN_SECONDS", 0.05)
    headers = tmp_path / "headers"
    headers.write_text("A: b")
    settings = read_settings(
        database_url=database_url,
        launch="dagster",
        dagster_url="http://127.0.0.1:9",
        dagster_headers_file=str(headers),
    )
    beside = serving_launcher.launcher_beside(settings)
    headers.unlink()
    with capture_logs() as logs:

        async def said(event: str) -> list[dict]:
            return [line for line in logs if line["event"] == event]

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(beside.run)
            await anyio.wait_all_tasks_blocked()
            assert logs == []
            beside.start()
            (failed, *_) = await until(lambda: said("launcher_failed"))
            assert "cannot be read" in failed["error"]
            headers.write_text("A: b")
            await until(lambda: said("launcher_started"))
            beside.stop()
        assert await said("launcher_stopped")
