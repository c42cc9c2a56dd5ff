"""Runs `runbell serve` as a real process and reads what it logs."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.log_files import LogFile
from support.processes import environment

SENSORS = """
import runbell


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
def answer(context):
    return runbell.RunRequest(run_key=context.dagster_run.run_id)
"""


class Serving:
    """A running `serve`; its log lies in a file."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, errors: Path) -> None:
        self.process = process
        self._log = LogFile(log)
        self._errors = errors

    @property
    def errors(self) -> str:
        return self._errors.read_text()

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The log events so far; a line that is still being written is not among them."""
        return self._log.events(name)

    def until(self, name: str, seconds: float = 20) -> dict[str, Any]:
        """The first event of this name, as soon as it has been logged."""
        deadline = time.monotonic() + seconds
        while not (found := self.events(name)):
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.errors}"
            assert time.monotonic() < deadline, f"no {name} within {seconds} s: {self.events()}"
            time.sleep(0.01)
        return found[0]

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def serving(folder: Path, url: str, *arguments: str, sensors: str = SENSORS, **variables: str) -> Iterator[Serving]:
    """`serve` with a sensors.py of this text in `folder`; killed at the end if it still runs."""
    (folder / "sensors.py").write_text(sensors)
    log, errors = folder / "log", folder / "errors"
    with log.open("wb") as stdout, errors.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "runbell", "serve", *arguments],
            cwd=folder,
            env=environment(RUNBELL_DATABASE_URL=url, RUNBELL_LOG_FORMAT="json", **variables),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Serving(process, log, errors)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)
