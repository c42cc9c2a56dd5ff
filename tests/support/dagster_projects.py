"""A project of Dagster's, run by Dagster's own command line and daemon."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from support.processes import Process, environment, runbell, started

BIN = Path(sys.executable).parent
# A command of Dagster's loads it, and starts a code server that does the same: seconds on a quiet machine.
PATIENCE_SECONDS = 150
# What Dagster is told of itself: its tables, and that runs which sensors requested stay in its queue.
HOME = """
storage:
  postgres:
    postgres_url: "{url}"
telemetry:
  enabled: false
concurrency:
  runs:
    tag_concurrency_limits:
      - key: dagster/sensor_name
        limit: 0
"""
WORKSPACE = """
load_from:
  - python_file:
      relative_path: {file}
      location_name: {location}
"""


class Project:
    """A folder of Dagster's with its storage in a database, and a module of definitions, whose name is its location."""

    def __init__(self, url: str, folder: Path, module: Path) -> None:
        self.url = url
        self.folder = folder
        (folder / "dagster.yaml").write_text(HOME.format(url=url))
        self.workspace = folder / "workspace.yaml"
        self.module = module
        self.location = module.stem
        self.workspace.write_text(WORKSPACE.format(file=module, location=self.location))
        self.variables = {"DAGSTER_HOME": str(folder)}

    def command(self, *arguments: object) -> list[str]:
        return [str(BIN / str(arguments[0])), *map(str, arguments[1:])]

    @contextmanager
    def background(self, *arguments: object) -> "Iterator[subprocess.Popen[bytes]]":
        """A process of Dagster's, ended behind."""
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=environment(**self.variables), stdout=log, stderr=log
            )
            try:
                yield process
            finally:
                process.terminate()
                process.wait(PATIENCE_SECONDS)

    def dagster(self, *arguments: object) -> None:
        """Run a command of Dagster's to its end."""
        subprocess.run(
            self.command("dagster", *arguments),
            cwd=self.folder,
            env=environment(**self.variables),
            check=True,
            capture_output=True,
            timeout=PATIENCE_SECONDS,
        )

    def launch(self, *jobs: str) -> None:
        """Have Dagster launch a run of each, all at once; they are executed by its daemon."""
        with ExitStack() as stack:
            launching = [stack.enter_context(self.background("dagster", *self._launch(job))) for job in jobs]
            for process in launching:
                assert process.wait(PATIENCE_SECONDS) == 0, (self.folder / "dagster.log").read_text()

    def _launch(self, job: str) -> tuple[object, ...]:
        return ("job", "launch", "-w", self.workspace, "-l", self.location, "-j", job)

    @property
    def settings(self) -> dict[str, str]:
        """What Runbell is told."""
        return {
            "RUNBELL_DATABASE_URL": self.url,
            "RUNBELL_SENSORS": str(self.module),
            "RUNBELL_CODE_LOCATION": self.location,
            "RUNBELL_LOG_FORMAT": "json",
            **self.variables,
        }

    def runbell(self, *arguments: str) -> str:
        """Run a command of Runbell's to its end; what it said."""
        done = runbell(*arguments, **self.settings)
        assert done.code == 0, done.stderr
        return done.stdout

    def serve(self, *arguments: str) -> AbstractContextManager[Process]:
        """A daemon of Runbell's with the module's sensors."""
        return started("serve", *arguments, **self.settings)
