"""Runs the command line as real processes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finished:
    """What a process said and how it ended."""

    code: int
    stdout: str
    stderr: str


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without settings of Runbell, with those given."""
    return {name: value for name, value in os.environ.items() if not name.startswith("RUNBELL_")} | variables


def runbell(*arguments: str, cwd: Path | None = None, timeout: float = 30, **variables: str) -> Finished:
    """Run `runbell` to its end; `variables` are set in its environment."""
    done = subprocess.run(
        [sys.executable, "-m", "runbell", *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Finished(done.returncode, done.stdout, done.stderr)


def python(code: str) -> str:
    """What a fresh interpreter prints when it runs this code."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=30).stdout
