"""No password leaves the process: not in logs, errors, tables, pages, metrics or the list of processes."""

import os
from pathlib import Path

import anyio
import asyncpg
import psutil
import pytest

from runbell.core.errors import RunbellError, SettingsError
from runbell.core.masking import mask
from runbell.ops.settings import read_settings
from runbell.store import connections
from runbell.store.failures import translated
from support.http import get
from support.postgres import free_port, private_server
from support.processes import runbell
from support.serving import serving

# With what a URL must percent-encode, so that it stands there in another form than it is.
SECRET = "s3cr3t/&x?y"
ENCODED = "s3cr3t%2F%26x%3Fy"
PIECES = ("s3cr3t", "x?y", "x%3Fy")

SENSORS = f"""
import runbell

URL = "postgresql://ann:{ENCODED}@db/runs"


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
def tells(context):
    print("printed by the author: his own business")
    context.log.info("reading %s" % URL, url=URL, password="{SECRET}", settings={{"password": "{SECRET}"}})
    return runbell.RunRequest(run_config={{"password": "{SECRET}"}}, tags={{"token": "{SECRET}"}})


@runbell.run_status_sensor(run_status="FAILURE")
def raises(context):
    raise ValueError(f"cannot reach {{URL}} with password='{SECRET}'")


@runbell.run_status_sensor(run_status="CANCELED")
def skips(context):
    return runbell.SkipReason(f"nothing at {{URL}}")
"""


def leaked(*texts: str) -> list[str]:
    return [text[max(0, text.index(piece) - 80) :][:160] for text in texts for piece in PIECES if piece in text]


@pytest.fixture(scope="module")
def guarded_url():
    """A server that asks for the password; its database is migrated."""
    with private_server(tcp=True, password=SECRET) as server:
        assert ENCODED in server.admin_url
        done = runbell("migrate", RUNBELL_DATABASE_URL=server.admin_url)
        assert done.code == 0, mask(done.stderr)
        assert leaked(done.stdout, done.stderr) == []
        yield server.admin_url


def places(url: str, folder: Path) -> dict[str, dict[str, str]]:
    """Every place where the password may stand, as the environment of a command."""
    bare = url.replace(f":{ENCODED}@", "@")
    passfile = folder / "pgpass"
    passfile.write_text(f"*:*:*:*:{SECRET}\n")
    passfile.chmod(0o600)
    held = folder / "url"
    held.write_text(url)
    return {
        "user info": {"RUNBELL_DATABASE_URL": url},
        "parameter": {"RUNBELL_DATABASE_URL": f"{bare}?password={ENCODED}"},
        "PGPASSWORD": {"RUNBELL_DATABASE_URL": bare, "PGPASSWORD": SECRET},
        "passfile": {"RUNBELL_DATABASE_URL": bare, "PGPASSFILE": str(passfile)},
        "file": {"RUNBELL_DATABASE_URL_FILE": str(held)},
    }


@pytest.mark.parametrize("place", ["user info", "parameter", "PGPASSWORD", "passfile", "file"])
def test_commands_that_work_say_nothing_of_it(guarded_url, tmp_path, place):
    variables = places(guarded_url, tmp_path)[place]
    for command in (["migrate"], ["attach", "dagster", "--check"]):
        done = runbell(*command, cwd=tmp_path, **variables)

        assert done.code == (2 if "attach" in command else 0), mask(done.stderr)
        assert leaked(done.stdout, done.stderr) == []


@pytest.mark.parametrize("place", ["user info", "parameter", "PGPASSWORD", "passfile", "file"])
@pytest.mark.parametrize("fault", ["password", "host", "database", "port"])
def test_commands_that_cannot_connect_say_nothing_of_it(guarded_url, tmp_path, place, fault):
    (tmp_path / "sensors.py").write_text(SENSORS)
    wrong = {
        "password": guarded_url.replace("s3cr3t", "s3cr3tX"),
        "host": guarded_url.replace("127.0.0.1", "no-such-host.invalid"),
        "database": guarded_url + "_of_nobody",
        "port": guarded_url.rpartition(":")[0] + f":{free_port()}/postgres",
    }[fault]
    variables = places(wrong, tmp_path)[place]
    if fault == "password":
        variables = {key: value.replace("s3cr3t%", "s3cr3tX%") for key, value in variables.items()}
        variables |= {"PGPASSWORD": f"{SECRET}X"} if place == "PGPASSWORD" else {}
        (tmp_path / "pgpass").write_text(f"*:*:*:*:{SECRET}X\n")
    # Only `serve` tries for a while.
    command = ["serve"] if (place, fault) == ("user info", "host") else ["status"]

    done = runbell(*command, cwd=tmp_path, **variables)

    assert done.code == 4, mask(done.stderr)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3
    assert leaked(done.stdout, done.stderr) == []


WRONG = [
    f"postgresql://ann:{SECRET}@db/runs",
    f"ann:{SECRET}@db/runs",
    f"postgresql//ann:{SECRET}@db/runs",
    f"mysql://ann:{SECRET}@db/runs",
    "postgresql://ann:s3cr3t#x@db/runs",
    "postgresql://ann:s3cr3t[x]@db/runs",
    f"host=db user=ann password='{SECRET}'",
    "postgresql://ann:s3 cr3t/x?y@db/runs",
    "postgresql://ann@host:s3cr3t@db/runs",
    "jdbc:postgresql://db/runs?user=ann&password=s3cr3t",
]


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_is_none_is_refused_without_being_shown(url):
    with pytest.raises(SettingsError) as caught:
        read_settings(database_url=url)

    assert leaked(str(caught.value)) == []


@pytest.mark.parametrize("url", [WRONG[0], WRONG[4]])
@pytest.mark.parametrize("command", ["status", "migrate", "serve", "launch"])
def test_a_url_that_cannot_be_read_is_shown_without_it(url, command, tmp_path):
    words = [command, "simulated"] if command == "launch" else [command]
    (tmp_path / "sensors.py").write_text(SENSORS)

    for done in (
        runbell(*words, cwd=tmp_path, RUNBELL_DATABASE_URL=url),
        runbell(*words, "--database-url", url, cwd=tmp_path),
    ):
        assert done.code == 2, mask(done.stderr)
        assert "Traceback" not in done.stderr
        assert leaked(done.stdout, done.stderr) == []


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_serve_says_nothing_of_it_anywhere(guarded_url, tmp_path, log_format):
    name = f"serve_{log_format}"
    prepared = anyio.run(_with_session, guarded_url, f"CREATE DATABASE {name}")
    assert prepared == "CREATE DATABASE"
    url = guarded_url.rpartition("/")[0] + f"/{name}"
    assert runbell("migrate", RUNBELL_DATABASE_URL=url).code == 0
    with serving(
        tmp_path, url, sensors=SENSORS, RUNBELL_HTTP_PORT="0", RUNBELL_RETRY_ATTEMPTS="1", RUNBELL_WORKERS="2"
    ) as served:
        port = served.until("daemon_started")["http_port"]
        for status in ("SUCCESS", "FAILURE", "CANCELED"):
            record = f"SELECT runbell.record_run_status('r{status}', 'j', '{status}', run_config => $1, tags => $1)"
            anyio.run(_with_session, url, record, f'{{"password": "{SECRET}"}}')
        served.until("dead_letter_added")
        titles = [" ".join(process.cmdline()) for process in family(served.process.pid)]
        pages = [get(port, path).text for path in ("/healthz", "/readyz", "/metrics", "/nothing")]
        assert served.end() == 0
    listed = [runbell(*words, RUNBELL_DATABASE_URL=url).stdout for words in (["dead-letters", "list"], ["status"])]
    kept = anyio.run(_with_session, url, "SELECT string_agg(error, ' ') FROM runbell.evaluations", None, "fetchval")

    assert len(titles) >= 1
    log = (tmp_path / "log").read_text()
    assert "reading postgresql://ann:***@db/runs" in log
    assert "postgresql://ann:***@db/runs" in kept
    assert leaked(log, served.errors, *titles, *pages, *listed, kept) == []


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


async def _with_session(url: str, sql: str, argument: str | None = None, how: str = "execute") -> object:
    session = await asyncpg.connect(url)
    try:
        return await getattr(session, how)(sql, *([argument] if argument else []))
    finally:
        await session.close()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO runbell.run_requests (sensor_name, event_id, target, run_config) VALUES ('s', 1, 't', $1)",
        "INSERT INTO runbell.runs (source, run_id, job_name, run_config) VALUES ('s', 'r', 'j', $1)",
    ],
)
async def test_a_refused_row_is_not_shown_with_what_is_in_it(connection, sql):
    with pytest.raises(RunbellError) as caught, translated():
        await connection.execute(sql, f'{{"password": "{SECRET}"}}')

    assert "null value" in str(caught.value)
    assert leaked(str(caught.value)) == []


async def test_the_server_sees_who_we_are_and_no_secret(database_url):
    session = await connections.connect(f"{database_url}&password={ENCODED}", role="command")
    rows = await session.fetch("SELECT to_json(a)::text FROM pg_stat_activity AS a WHERE pid = pg_backend_pid()")
    await session.close()

    assert leaked(*[row[0] for row in rows]) == []


def test_settings_show_no_url():
    shown = repr(read_settings(database_url=f"postgresql://ann:{ENCODED}@db/runs"))

    assert leaked(shown) == []
    assert os.environ.get("RUNBELL_DATABASE_URL") is None
