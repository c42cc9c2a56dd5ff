"""Runs a command as an operator does, without the start of a process for each."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from anyio import to_thread
from typer.testing import CliRunner

from runbell.ops.cli import app
from support.processes import Finished

RUNNER = CliRunner()


async def command(url: str, *arguments: str) -> Finished:
    """The command, in a thread and on an event loop of its own; nobody is there to be asked."""

    def run() -> Finished:
        done = RUNNER.invoke(app, [*arguments], env={"RUNBELL_DATABASE_URL": url}, catch_exceptions=False)
        return Finished(done.exit_code, done.stdout, done.stderr)

    with _log_aside():
        return await to_thread.run_sync(run)


def explained(*names: str) -> Finished:
    """What a command says of itself."""
    done = RUNNER.invoke(app, [*names, "--help"], prog_name="runbell")
    return Finished(done.exit_code, done.stdout, done.stderr)


async def answer(url: str, *arguments: str) -> Any:
    """What a command answers with `--json`."""
    done = await command(url, *arguments, "--json")
    assert (done.code, done.stderr) == (0, ""), done
    return json.loads(done.stdout)


@contextmanager
def _log_aside() -> Iterator[None]:
    """What a daemon in the same process logs meanwhile is not what the command says."""
    before = structlog.get_config()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.__stderr__))
    try:
        yield
    finally:
        structlog.configure(**before)
