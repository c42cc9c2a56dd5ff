"""`runbell serve` as it is watched in production: port, health, figures, and a database that goes away."""

import time
from pathlib import Path

from support.http import Answer, get
from support.postgres import free_port, private_server, psql
from support.processes import runbell
from support.serving import serving


def test_the_port_is_announced_and_health_and_figures_are_answered_there(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url, RUNBELL_HTTP_PORT="0") as daemon:
        port = daemon.until("daemon_started")["http_port"]
        assert get(port, "/readyz").status == 200
        assert get(port, "/healthz").status == 200

        psql(database_url, "SELECT runbell.record_run_status('r', 'job', 'SUCCESS')")
        daemon.until("sensor_evaluated")
        found = get(port, "/metrics").samples
        assert daemon.end() == 0
        assert daemon.errors == ""

    assert found['runbell_evaluations_total{outcome="requested",sensor="answer"}'] == 1
    assert found['runbell_requests{state="pending"}'] == 1
    assert found['runbell_sensor_lag_events{sensor="answer"}'] == 0
    # Nothing but facts of its own in the log.
    assert not [event for event in daemon.events() if str(event.get("logger", "")).startswith("uvicorn")]


def test_without_a_port_nothing_is_listened_on(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url) as daemon:
        assert "http_port" not in daemon.until("daemon_started")
        assert daemon.end() == 0


def counted(samples: dict[str, float]) -> dict[str, float]:
    """Of sensors and requests; the other series tell how the process is at this moment."""
    lasting = ("runbell_evaluations_", "runbell_sensor_", "runbell_requests", "runbell_dead_letters")
    return {name: value for name, value in samples.items() if name.startswith(lasting)}


def test_health_is_answered_while_the_database_is_away(tmp_path: Path) -> None:
    with private_server() as server:
        assert runbell("migrate", "--database-url", server.admin_url).code == 0
        with serving(tmp_path, server.admin_url, RUNBELL_HTTP_PORT="0") as daemon:
            port = daemon.until("daemon_started")["http_port"]
            known = counted(get(port, "/metrics").samples)
            assert known
            server.stop("immediate")
            daemon.until("database_lost")

            away = get(port, "/readyz")
            assert (away.status, away.text.count("\n")) == (503, 1)
            assert get(port, "/healthz").status == 200
            assert counted(get(port, "/metrics").samples) == known

            server.start()
            assert until_ready(port).status == 200
            assert daemon.end() == 0


def test_health_is_answered_before_the_database_is_there(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path, f"postgresql://127.0.0.1:{free_port()}/runs", "--http-port", str(port)) as daemon:
        assert until_answered(port, "/healthz").status == 200
        assert get(port, "/readyz").status == 503
        assert daemon.end() == 0


def test_a_taken_port_ends_the_start_with_2(tmp_path: Path, database_url: str) -> None:
    with serving(tmp_path, database_url, RUNBELL_HTTP_PORT="0") as daemon:
        port = daemon.until("daemon_started")["http_port"]
        second = runbell("serve", "--http-port", str(port), cwd=tmp_path, RUNBELL_DATABASE_URL=database_url)
        assert daemon.end() == 0

    assert second.code == 2
    assert second.stderr.startswith(f"runbell: RUNBELL_HTTP_PORT is {port}, but")
    assert len(second.stderr.splitlines()) == 1


def until_answered(port: int, path: str, seconds: float = 10) -> Answer:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return get(port, path)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def until_ready(port: int, seconds: float = 10) -> Answer:
    deadline = time.monotonic() + seconds
    while (answer := get(port, "/readyz")).status != 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer
