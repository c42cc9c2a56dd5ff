"""`runbell serve` as a process that cannot start: the exit code, at most three lines, no secrets, no traceback."""

import os
import time
from pathlib import Path

import pytest

from runbell.ops import schema
from support.postgres import free_port, private_server, psql
from support.processes import Finished, runbell

SENSORS = "import runbell as dg\n\n\n@dg.run_failure_sensor\ndef on_failure(context):\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sensors.py").write_text(SENSORS)
    return tmp_path


def serve(folder: Path, *arguments: str, **variables: str) -> Finished:
    done = runbell("serve", *arguments, cwd=folder, **variables)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done


def test_without_a_url(folder):
    done = serve(folder)

    assert done.code == 2
    assert done.stderr.startswith("runbell: RUNBELL_DATABASE_URL is missing: set it, or give --database-url")


def test_with_several_bad_settings_all_are_named(folder):
    done = serve(folder, "--retry-attempts", "none", RUNBELL_HTTP_PORT="http", RUNBELL_LOG_LEVEL="loud")

    assert done.code == 2
    for name in ("RUNBELL_DATABASE_URL", "RUNBELL_HTTP_PORT", "RUNBELL_LOG_LEVEL", "--retry-attempts"):
        assert name in done.stderr


@pytest.mark.parametrize(
    "url", ["postgresql://h:port/d", "postgresql://[::1/d", "postgresql://h/d?sslmode=odd", "not a url"]
)
def test_with_a_url_that_cannot_be_understood(folder, url):
    done = serve(folder, RUNBELL_DATABASE_URL=url)

    assert done.code == 2
    assert "RUNBELL_DATABASE_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_with_an_unknown_option(folder):
    done = serve(folder, "--loud")

    assert done.code == 2
    assert "--loud" in done.stderr


def test_without_sensors(tmp_path, database_url):
    done = serve(tmp_path, RUNBELL_DATABASE_URL=database_url)

    assert done.code == 2
    assert "RUNBELL_SENSORS" in done.stderr


def test_with_an_unmigrated_database(folder, empty_database_url):
    done = serve(folder, RUNBELL_DATABASE_URL=empty_database_url)

    assert done.code == 3
    assert done.stderr == "runbell: the database is not migrated: run `runbell migrate`\n"


def test_with_an_older_schema(folder, database_url):
    psql(database_url, "UPDATE runbell.alembic_version SET version_num = '0000'")

    done = serve(folder, RUNBELL_DATABASE_URL=database_url)

    assert done.code == 3
    assert f"is at revision 0000, this installation needs {schema.head_revision()}" in done.stderr


def test_with_nobody_at_that_address(folder):
    started = time.monotonic()

    done = serve(folder, RUNBELL_DATABASE_URL=f"postgresql://ann:secret@127.0.0.1:{free_port()}/runs")

    assert time.monotonic() - started < 15
    unreachable(done)


def test_with_an_unknown_host(folder):
    unreachable(serve(folder, RUNBELL_DATABASE_URL="postgresql://ann:secret@no-such-host.invalid/runs"))


def test_with_an_unknown_database(folder, database_url):
    done = serve(folder, RUNBELL_DATABASE_URL=database_url.replace("/test_", "/no_such_"))

    unreachable(done)
    assert 'database "no_such_' in done.stderr


def test_with_a_role_that_may_read_nothing(folder, database_url):
    role = f"may_read_nothing_{os.getpid()}"
    psql(database_url, f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")

    done = serve(folder, RUNBELL_DATABASE_URL=database_url.replace("postgres@", f"{role}@"))

    psql(database_url, f"DROP ROLE {role}")
    unreachable(done)
    assert "permission denied for schema runbell" in done.stderr


def test_with_a_wrong_password(folder):
    with private_server(tcp=True, password="right") as server:
        started = time.monotonic()
        done = serve(folder, RUNBELL_DATABASE_URL=server.url("postgres", password="secret"))

    assert time.monotonic() - started < 4
    unreachable(done)
    assert "password authentication failed" in done.stderr


def unreachable(done: Finished) -> None:
    assert done.code == 4
    assert "the database cannot be reached" in done.stderr
    assert 1 <= len(done.stderr.splitlines()) <= 3
    assert "secret" not in done.stderr
