"""docs/commands.md: each example is executed, in its order, and says what the page shows."""

import doctest
import os
import re
import shlex
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest
from anyio import to_thread

from runbell import GiveUp, RunRequest, RunStatusSensorContext, run_failure_sensor, run_status_sensor
from runbell.ops.cli import COMMANDS
from support.commands import command
from support.daemons import evaluations, record, requested_keys, running, until
from support.house import ROOT
from support.processes import Finished, runbell

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PAGE = (ROOT / "docs" / "commands.md").read_text()
EXAMPLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
# These load a module, which belongs into a process of its own.
WITH_MODULE = {"check", "backtest", "preview", "doctor"}
MODULE = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Each command of the page with what it is shown to say."""
    found = []
    for block in EXAMPLE.findall(PAGE):
        for part in block.split("$ ")[1:]:
            line, _, said = part.partition("\n")
            found.append((line, said.rstrip("\n")))
    return found


@run_status_sensor(run_status="SUCCESS", monitored_jobs=["extract"], request_job="load")
async def load_after_extract(context: RunStatusSensorContext) -> RunRequest:
    return RunRequest(run_key=context.dagster_run.run_id)


@run_failure_sensor
async def alert(context: RunStatusSensorContext) -> None:
    raise GiveUp("no such channel")


@pytest.fixture
async def story(database_url: str, connection: Session) -> str:
    """What the page tells of: a run that led to another, one that failed, a request that failed; nobody runs now."""
    async with running(database_url, load_after_extract, alert, module="reactions"):
        await record(connection, "run-1", job="extract")
        await until(lambda: requested_keys(connection), bool)
        await connection.execute(
            "SELECT runbell.complete_run_request(c.request_id, c.attempts, 'run-2')"
            " FROM runbell.claim_run_requests('launcher') AS c"
        )
        await record(connection, "run-2", job="load")
        await record(connection, "run-3", "FAILURE", job="load", message="no space left")
        await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])
        await record(connection, "run-4", job="extract")
        await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2)
    await connection.execute(
        "SELECT runbell.fail_run_request(c.request_id, c.attempts, 'quota exceeded')"
        " FROM runbell.claim_run_requests('launcher') AS c"
    )
    return database_url


async def run(url: str, line: str, folder: Path) -> Finished:
    name, *arguments = shlex.split(line)
    assert name == "runbell"
    if arguments[0] not in WITH_MODULE:
        return await command(url, *arguments)
    return await to_thread.run_sync(
        lambda: runbell(*arguments, cwd=folder, RUNBELL_DATABASE_URL=url, RUNBELL_SENSORS="reactions", COLUMNS="250")
    )


@pytest.mark.timeout(180)
async def test_each_example_says_what_the_page_shows(story: str, tmp_path: Path) -> None:
    assert MODULE is not None
    (tmp_path / "reactions.py").write_text(MODULE[1])
    wrong = []
    for line, expected in examples():
        done = await run(story, line, tmp_path)
        said = "\n".join(text.rstrip() for text in (done.stdout + done.stderr).strip().splitlines())
        if not matches(expected, said):
            wrong.append(f"$ {line}\n{said}")
    if os.environ.get("SHOW"):
        print("\n\n".join(wrong))
    assert not wrong, "\n\n".join(wrong)


def matches(expected: str, said: str) -> bool:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    return doctest.OutputChecker().check_output(expected + "\n", said + "\n", flags)


def test_every_command_has_an_example() -> None:
    shown = {shlex.split(line)[1] for line, _ in examples()}

    assert set(COMMANDS) - shown == set()
