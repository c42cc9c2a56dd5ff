"""Runs the command line as real processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


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


class Process:
    """A `runbell` that runs, with the log lines that it has written."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[dict[str, Any]] = []

    def until(self, event: str) -> dict[str, Any]:
        """Read the log up to the next line with this event, which is given; pytest's time-out is the deadline."""
        assert self._process.stdout is not None
        for text in self._process.stdout:
            self.lines.append(json.loads(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        pytest.fail(f"ended without {event}: {self.lines}{self._process.communicate()[1]}")

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, timeout: float = 20) -> Finished:
        """Wait for the end; `stdout` holds what was not read before."""
        stdout, stderr = self._process.communicate(timeout=timeout)
        return Finished(self._process.returncode, stdout, stderr)


@contextmanager
def started(
    *arguments: str, cwd: Path | None = None, ignoring: tuple[int, ...] = (), **variables: str
) -> Iterator[Process]:
    """A `runbell` in the background, killed at the end if it still runs; it inherits the signals `ignoring` ignored."""

    def ignore() -> None:
        for number in ignoring:
            signal.signal(number, signal.SIG_IGN)

    process = subprocess.Popen(
        [sys.executable, "-m", "runbell", *arguments],
        cwd=cwd,
        env=environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=ignore if ignoring else None,  # noqa: PLW1509 - no threads that matter run here
    )
    with process:
        try:
            yield Process(process)
        finally:
            process.kill()


def python(code: str) -> str:
    """What a fresh interpreter prints when it runs this code."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True, timeout=30).stdout
