"""A whole Dagster on Postgres: code server, webserver and, where runs are to be executed, the daemon."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2

from support.postgres import Server, free_port, psql
from support.processes import environment

LOCATION = "warehouse"
START_SECONDS = 120.0

INSTANCE = """
storage:
  postgres:
    postgres_url: "{url}"
run_queue:
  max_concurrent_runs: 4
  dequeue_interval_seconds: 1
  tag_concurrency_limits: [{{key: waits, limit: 0}}]
telemetry:
  enabled: false
"""
WORKSPACE = """
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {location}}}
"""
# Waits for the end of whoever started it, by a pipe that closes with it, and ends all that it has started then.
GUARD = '"$@" < /dev/null & cat > /dev/null; kill -9 0'
LAUNCH = """mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } }
}"""


class Dagster:
    """One Dagster; `web_url` is its webserver's address, the same after a restart."""

    def __init__(self, folder: Path, url: str, jobs: Path) -> None:
        self.folder = folder
        self.url = url
        self.web_port = free_port()
        self.web_url = f"http://127.0.0.1:{self.web_port}"
        self._jobs = jobs
        self._code_port = free_port()
        self._environment = environment(DAGSTER_HOME=str(folder), DAGSTER_DISABLE_TELEMETRY="yes", NO_PROXY="127.0.0.1")
        self._web: subprocess.Popen[bytes] | None = None
        self._code: subprocess.Popen[bytes] | None = None
        (folder / "dagster.yaml").write_text(INSTANCE.format(url=url))
        (folder / "workspace.yaml").write_text(WORKSPACE.format(port=self._code_port, location=LOCATION))

    @contextmanager
    def running(self, *, daemon: bool) -> Iterator[None]:
        with ExitStack() as stack:
            self.start_code()
            stack.callback(self.stop_code)
            self.start_web()
            stack.callback(self.kill_web)
            self.wait_for_web()
            if daemon:
                # Not before: each makes the tables where there are none, and two at once would meet.
                working = self._run(str(Path(sys.executable).parent / "dagster-daemon"), "run", "-w", "workspace.yaml")
                stack.callback(_end, working)
            yield

    def start_code(self) -> None:
        address = ("-h", "127.0.0.1", "-p", str(self._code_port))
        self._code = self._run("-m", "dagster", "api", "grpc", "-f", str(self._jobs), *address)

    def stop_code(self) -> None:
        if self._code is not None:
            _end(self._code)

    def start_web(self) -> None:
        where = ("-h", "127.0.0.1", "-p", str(self.web_port))
        self._web = self._run("-m", "dagster_webserver", "-w", "workspace.yaml", *where)

    def kill_web(self) -> None:
        """SIGKILL."""
        if self._web is not None:
            _end(self._web)

    def wait_for_web(self) -> None:
        """Wait until the webserver has the jobs."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx2.TransportError):
                if self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")["nodes"]:
                    return
            time.sleep(0.1)
        raise AssertionError(f"no webserver within {START_SECONDS} s: {self.log}")

    def ask(self, document: str, **variables: Any) -> Any:
        """The value of the only field."""
        body = {"query": document, "variables": variables}
        answer = httpx2.post(f"{self.web_url}/graphql", json=body, timeout=60, trust_env=False).json()
        assert answer.get("data"), answer
        (value,) = answer["data"].values()
        return value

    def launch(self, job: str, **tags: str) -> str:
        """Have a job launched, as somebody does in the UI; its run id."""
        selector = {"jobName": job, "repositoryName": "__repository__", "repositoryLocationName": LOCATION}
        metadata = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
        answer = self.ask(LAUNCH, params={"selector": selector, "runConfigData": {}, "executionMetadata": metadata})
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()[-4000:]

    def _run(self, *arguments: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "log").open("ab") as output:
            return subprocess.Popen(
                ["sh", "-c", GUARD, "sh", sys.executable, *arguments],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


@contextmanager
def dagster(server: Server, folder: Path, jobs: Path, *, daemon: bool) -> Iterator[Dagster]:
    """A Dagster in a database of its own on this server, up when the body begins."""
    name = f"dagster_{os.getpid()}_{folder.name[-20:]}".replace("-", "_").lower()
    psql(server.admin_url, f'CREATE DATABASE "{name}"')
    made = Dagster(folder, server.url(name), jobs)
    with made.running(daemon=daemon):
        yield made


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
