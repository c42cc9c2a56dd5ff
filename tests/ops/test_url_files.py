"""RUNBELL_DATABASE_URL_FILE and RUNBELL_LISTEN_URL_FILE: the URL lies in a file, as mounted secrets do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from runbell.core.errors import SettingsError, StoreUnavailableError
from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.ops.asking import ask
from runbell.ops.cli import Later, app
from runbell.ops.settings import Settings, read_settings, same_settings
from runbell.store.connections import Connection, connect
from runbell.store.url_files import UrlFromFile, current
from support.processes import runbell

URL = "postgresql://ann:secret@db/runs"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"RUNBELL_{name.upper()}", raising=False)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "url"
    path.write_text(f"  {URL}\n")
    return path


@pytest.mark.parametrize("field", ["database_url", "listen_url"])
def test_the_url_is_what_the_file_holds_and_is_read_again(
    field: str, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"RUNBELL_{field.upper()}_FILE", str(secret))
    settings = read_settings(**({} if field == "database_url" else {"database_url": "postgresql://db/runs"}))
    found = getattr(settings, field)
    secret.write_text("postgresql://ann:changed@db/runs")

    assert found == URL
    assert current(found) == "postgresql://ann:changed@db/runs"
    assert "secret" not in repr(settings)


def test_another_process_reads_it_from_the_same_file(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBELL_DATABASE_URL_FILE", str(secret))
    sent = read_settings(listen_url="postgresql://listen/runs").model_dump(mode="json")
    received = same_settings(sent)
    secret.write_text("postgresql://ann:changed@db/runs")

    assert (received.database_url, received.listen_url) == (URL, "postgresql://listen/runs")
    assert current(received.database_url) == "postgresql://ann:changed@db/runs"
    overruled = same_settings(read_settings(database_url="postgresql://flag/runs").model_dump(mode="json"))
    assert current(overruled.database_url) == "postgresql://flag/runs"


def test_a_url_that_is_no_file_is_what_it_is() -> None:
    assert current(URL) is URL


def test_both_are_a_mistake_that_names_both(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBELL_DATABASE_URL", URL)
    monkeypatch.setenv("RUNBELL_DATABASE_URL_FILE", str(secret))

    with pytest.raises(SettingsError) as caught:
        read_settings(log_level="loud")

    both, level = str(caught.value).splitlines()
    assert both == "RUNBELL_DATABASE_URL and RUNBELL_DATABASE_URL_FILE are both given: keep one of them"
    assert level.startswith("--log-level")
    with pytest.raises(SettingsError, match="--database-url and --database-url-file are both given"):
        read_settings(database_url=URL, database_url_file=str(secret))


def test_a_flag_wins_over_what_the_environment_says(secret: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBELL_DATABASE_URL_FILE", str(secret))
    assert read_settings(database_url="postgresql://flag/runs").database_url == "postgresql://flag/runs"

    monkeypatch.delenv("RUNBELL_DATABASE_URL_FILE")
    monkeypatch.setenv("RUNBELL_DATABASE_URL", "postgresql://environment/runs")
    assert read_settings(database_url_file=str(secret)).database_url == URL


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory): mount the secret there"),
        (b" \n", "is empty: write the URL into it"),
        (b"host=db password=secret", "holds no URL: write one line such as postgresql://"),
        (f"{URL}\n{URL}".encode(), "holds no URL: write one line such as postgresql://"),
        (b"\xff\xfesecret", "cannot be read (not text)"),
    ],
)
def test_a_file_that_gives_no_url_is_named_and_never_its_content(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "url"
    if content is not None:
        path.write_bytes(content)

    done = runbell("status", RUNBELL_DATABASE_URL_FILE=str(path), RUNBELL_LOG_LEVEL="loud")

    assert done.code == 2
    first, second = done.stderr.splitlines()
    assert first.startswith(f"runbell: RUNBELL_DATABASE_URL_FILE: {str(path)!r} ")
    assert said in first
    assert "RUNBELL_LOG_LEVEL" in second
    assert "secret" not in done.stderr.replace("mount the secret there", "")


async def test_a_file_that_is_just_being_replaced_is_waited_for(secret: Path) -> None:
    url = UrlFromFile.read(secret)
    await anyio.to_thread.run_sync(secret.write_text, "")

    with pytest.raises(StoreUnavailableError, match="is empty"):
        await connect(url, role="test")


def test_every_command_takes_it(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(database_url)

    for command in (["migrate"], ["status", "--json"], ["sensors", "list"], ["dead-letters", "list"]):
        assert runbell(*command, RUNBELL_DATABASE_URL_FILE=str(path)).code == 0


async def test_a_mistake_in_the_address_to_listen_at_is_reported_under_its_own_name(database_url: str) -> None:
    async def serve(**given: str) -> str:
        daemon = Daemon(DaemonOptions(database_url=database_url, module="m", sensors=(), **given))  # type: ignore[arg-type]
        with pytest.raises(ExceptionGroup) as raised:
            async with anyio.create_task_group() as tasks:
                await tasks.start(daemon.run)
        return str(raised.value.exceptions[0])

    bad = "sslmode=banana"

    said = await serve(listen_url=f"{database_url}&{bad}")

    assert said.startswith("RUNBELL_LISTEN_URL cannot be understood: ")
    with pytest.raises(SettingsError, match="RUNBELL_DATABASE_URL cannot be understood: "):
        await connect(f"{database_url}&{bad}", role="test")


def test_a_launcher_reports_it_under_its_own_name_too(database_url: str) -> None:
    done = runbell(
        "launch", "simulated", RUNBELL_DATABASE_URL=database_url, RUNBELL_LISTEN_URL=f"{database_url}&sslmode=banana"
    )

    assert done.code == 2
    assert done.stderr.startswith("runbell: RUNBELL_LISTEN_URL cannot be understood: ")


def options_of(command: Any, *names: str) -> Iterator[tuple[str, set[str]]]:
    """The flags of a command, and of those that it has, each under all of its names."""
    command = command._itself() if isinstance(command, Later) else command
    if isinstance(command, TyperGroup):
        for name in command.list_commands(Context(command)):
            yield from options_of(command.get_command(Context(command), name), *names, name)
    else:
        yield " ".join(names), {flag for option in command.params for flag in option.opts}


def test_no_command_takes_the_url_alone() -> None:
    flags = dict(options_of(get_command(app)))

    assert {"serve", "launchers pause", "sensors list"} < flags.keys()
    assert [
        name for name, given in flags.items() if ("--database-url" in given) != ("--database-url-file" in given)
    ] == []


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["dead-letters", "list"],
        ["attach", "dagster"],
        ["launch", "simulated"],
        ["launchers", "list"],
        ["dev"],
    ],
)
def test_every_command_takes_the_file(command: list[str], tmp_path: Path) -> None:
    done = runbell(*command, "--database-url-file", str(tmp_path / "nothing"))

    assert done.code == 2
    assert "--database-url-file: " in done.stderr
    assert "cannot be read" in done.stderr


def test_a_question_is_asked_at_the_address_that_was_read_before(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def question(session: Connection) -> int:
        found: int = await session.fetchval("SELECT 1")
        return found

    # Whoever reads the settings once more would find this.
    monkeypatch.setenv("RUNBELL_LOG_LEVEL", "loud")

    assert ask(database_url, question) == 1
