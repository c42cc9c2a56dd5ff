"""Replicas as their users run them: `runbell serve` processes that are killed, frozen, and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.processes import environment


def tree(pid: int) -> list[int]:
    """A process and all that it started, parents first."""
    found = [pid]
    for known in found:
        for children in Path(f"/proc/{known}/task").glob("*/children"):
            with suppress(OSError):
                found.extend(int(child) for child in children.read_text().split())
    return found


class Replica:
    """A `runbell serve` with its workers; its log grows over all its starts."""

    def __init__(self, folder: Path, url: str, name: str, **variables: str) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._folder = folder
        self._environment = environment(
            RUNBELL_DATABASE_URL=url, RUNBELL_SENSORS="shared_sensors", RUNBELL_LOG_FORMAT="json", **variables
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def workers(self) -> list[int]:
        """The processes that it started."""
        return tree(self._process.pid)[1:] if self._process is not None else []

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.runs:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "runbell", "serve"],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """End all of its processes at once, as when its machine is gone."""
        self._to_all(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Ask it to stop, as every operator does."""
        if self._process is not None and self.runs:
            self._process.send_signal(signal.SIGTERM)

    def freeze(self) -> None:
        """Freeze all of its processes."""
        self._to_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._to_all(signal.SIGCONT)

    def wait(self, seconds: float = 20) -> None:
        """Wait until it has ended."""
        if self._process is not None:
            self._process.wait(seconds)

    def end(self) -> None:
        """End it, frozen or not."""
        self._to_all(signal.SIGKILL)
        self.wait()

    def _to_all(self, number: signal.Signals) -> None:
        if self._process is None or not self.runs:
            return
        for pid in tree(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@contextmanager
def replicas(folder: Path, urls: dict[str, str], sensors: str, **variables: str) -> Iterator[dict[str, Replica]]:
    """Replicas by name, each with its own way to the database; started inside, and none is left behind.

    `sensors` is the text of the module that all of them serve.
    """
    (folder / "shared_sensors.py").write_text(sensors)
    made = {name: Replica(folder, url, name, **variables) for name, url in urls.items()}
    try:
        for replica in made.values():
            replica.start()
        yield made
    finally:
        for replica in made.values():
            replica.end()
