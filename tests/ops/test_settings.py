"""Settings come from the environment and from flags; whatever is wrong with them is said at once."""

import pytest

from runbell.core.errors import SettingsError
from runbell.ops.settings import Settings, read_settings, unknown_variables

URL = "postgresql://ann:secret@db/runs"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBELL_{name.upper()}", raising=False)


def test_defaults():
    settings = read_settings(database_url=URL)

    assert settings.model_dump() == {
        "database_url": URL,
        "database_url_file": None,
        "listen_url": None,
        "listen_url_file": None,
        "sensors": None,
        "log_format": "json",
        "log_level": "info",
        "http_host": "127.0.0.1",
        "http_port": None,
        "http_token": None,
        "http_token_file": None,
        "shutdown_grace_seconds": 10.0,
        "sensor_timeout_seconds": 60.0,
        "code_location": None,
        "default_status": "RUNNING",
        "max_requests_per_evaluation": 10_000,
        "max_chain_depth": 20,
        "run_url": None,
        "retry_attempts": 10,
        "retry_backoff_seconds": 1.0,
        "workers": 1,
        "worker_memory_mb": None,
        "notify_urls": None,
        "notify_interval_seconds": 86_400.0,
        "notify_after_seconds": 60.0,
        "heartbeat_url": None,
        "heartbeat_interval_seconds": 60.0,
        "launch": None,
        "launch_source": None,
        "launch_concurrent": 8,
        "launch_max_in_progress": None,
        "dagster_url": None,
        "dagster_headers": None,
        "dagster_headers_file": None,
        "dagster_answer_seconds": 120.0,
    }


def test_each_setting_is_read_from_its_variable(monkeypatch):
    given = {
        "database_url": (URL, URL),
        "listen_url": (URL, URL),
        "sensors": ("alerts", "alerts"),
        "log_format": ("Console", "console"),
        "log_level": ("WARNING", "warning"),
        "http_host": ("0.0.0.0", "0.0.0.0"),
        "http_port": ("8080", 8080),
        "http_token": ("a secret of some length", "a secret of some length"),
        "http_token_file": ("/run/secrets/token", "/run/secrets/token"),
        "shutdown_grace_seconds": ("0.5", 0.5),
        "sensor_timeout_seconds": ("1.5", 1.5),
        "code_location": ("etl", "etl"),
        "default_status": ("stopped", "STOPPED"),
        "max_requests_per_evaluation": ("7", 7),
        "max_chain_depth": ("3", 3),
        "run_url": ("https://dagster.example.com/runs/{run_id}", "https://dagster.example.com/runs/{run_id}"),
        "retry_attempts": ("1", 1),
        "retry_backoff_seconds": ("0.25", 0.25),
        "workers": ("3", 3),
        "worker_memory_mb": ("512", 512),
        "notify_urls": ("json://a json://b", "json://a json://b"),
        "notify_interval_seconds": ("3600", 3600.0),
        "notify_after_seconds": ("5", 5.0),
        "heartbeat_url": ("https://hc.example.org/1", "https://hc.example.org/1"),
        "heartbeat_interval_seconds": ("30", 30.0),
        "launch": ("dagster", "dagster"),
        "launch_source": ("warehouse", "warehouse"),
        "launch_concurrent": ("3", 3),
        "launch_max_in_progress": ("50", 50),
        "dagster_url": ("http://dagster:3000/prefix", "http://dagster:3000/prefix"),
        "dagster_headers": ("A: b", "A: b"),
        "dagster_headers_file": ("/secrets/headers", "/secrets/headers"),
        "dagster_answer_seconds": ("30", 30.0),
    }
    # In place of the URLs, never beside them: tests/ops/test_url_files.py.
    files = {"database_url_file": None, "listen_url_file": None}
    assert {*given, *files} == set(Settings.model_fields)
    for name, (text, _) in given.items():
        monkeypatch.setenv(f"RUNBELL_{name.upper()}", text)

    assert read_settings().model_dump() == {name: value for name, (_, value) in given.items()} | files


def test_a_flag_wins_over_the_variable_and_an_absent_one_does_not(monkeypatch):
    monkeypatch.setenv("RUNBELL_DATABASE_URL", URL)
    monkeypatch.setenv("RUNBELL_HTTP_PORT", "1")

    assert read_settings(http_port="2").http_port == 2
    assert read_settings(http_port=None).http_port == 1


def test_an_empty_variable_is_an_absent_one(monkeypatch):
    monkeypatch.setenv("RUNBELL_CODE_LOCATION", "")
    monkeypatch.setenv("RUNBELL_HTTP_PORT", "")

    settings = read_settings(database_url=URL)

    assert (settings.code_location, settings.http_port) == (None, None)


def test_all_bad_values_are_named_at_once(monkeypatch):
    bad = {
        "DATABASE_URL": "mysql://ann:secret@db/runs",
        "LOG_FORMAT": "xml",
        "LOG_LEVEL": "loud",
        "HTTP_PORT": "70000",
        "SHUTDOWN_GRACE_SECONDS": "soon",
        "SENSOR_TIMEOUT_SECONDS": "0",
        "DEFAULT_STATUS": "PAUSED",
        "MAX_REQUESTS_PER_EVALUATION": "1.5",
        "RETRY_ATTEMPTS": "0",
        "RETRY_BACKOFF_SECONDS": "nan",
    }
    for name, value in bad.items():
        monkeypatch.setenv(f"RUNBELL_{name}", value)

    with pytest.raises(SettingsError) as caught:
        read_settings()

    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == [f"RUNBELL_{name}" for name in bad]
    assert "RUNBELL_LOG_FORMAT is 'xml', but it must be json or console" in lines
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "https://dagster.example.com/runs",
        "https://dagster.example.com/runs/{run_id}/{job}",
        "https://dagster.example.com/runs/{run_id}}",
        "dagster.example.com/runs/{run_id}",
        "ftp://dagster.example.com/{run_id}",
        "https:///{run_id}",
        "https://dagster.example.com/a b/{run_id}",
        "https://[::1/{run_id}",
    ],
)
def test_a_template_that_leads_nowhere_is_named(monkeypatch, template):
    monkeypatch.setenv("RUNBELL_RUN_URL", template)

    with pytest.raises(
        SettingsError, match=r"RUNBELL_RUN_URL is .*, but it must be a URL with \{run_id\} in it, such as"
    ):
        read_settings(database_url=URL)


def test_a_bad_flag_is_named_as_one():
    with pytest.raises(SettingsError, match=r"--http-port is 'x', but it must be a port from 0 to 65535"):
        read_settings(database_url=URL, http_port="x")


def test_a_missing_url_is_named_with_the_other_mistakes():
    with pytest.raises(SettingsError) as caught:
        read_settings(log_level="loud")

    missing, level = str(caught.value).splitlines()
    assert missing.startswith("RUNBELL_DATABASE_URL is missing: set it, or give --database-url")
    assert level.startswith("--log-level is 'loud'")


def test_who_needs_no_database_needs_no_url():
    assert read_settings(needs_database=False, http_port="1").http_port == 1
    assert read_settings(needs_database=False).database_url == ""
    with pytest.raises(SettingsError, match="--http-port"):
        read_settings(needs_database=False, http_port="x")


@pytest.mark.parametrize(
    "url", ["host=db password=secret", "sqlite:///secret", "db:5432/secret@x", "postgresql+asyncpg://a:secret@h/d"]
)
def test_what_is_no_url_of_postgresql_is_refused(url):
    with pytest.raises(SettingsError, match="it must be a URL such as postgresql://") as caught:
        read_settings(database_url=url)

    if "password" in url or "://a" in url:
        assert "secret" not in str(caught.value)


def test_the_url_is_not_shown_with_the_settings():
    assert "secret" not in repr(read_settings(database_url=URL))


def test_unknown_variables_are_named_with_what_was_probably_meant(monkeypatch):
    monkeypatch.setenv("RUNBELL_LOG_LEVL", "info")
    monkeypatch.setenv("RUNBELL_SOMETHING_ELSE", "1")

    assert unknown_variables() == {"RUNBELL_LOG_LEVL": "RUNBELL_LOG_LEVEL", "RUNBELL_SOMETHING_ELSE": None}
