"""Runs daemons for tests: in a thread of their own, on databases of a private server that nobody keeps."""

import itertools
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, Unpack

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from runbell.core.sensors import Sensor
from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.ops import schema
from runbell.ops.embedded import SUPERUSER, embedded_server, program
from runbell.store import connections
from runbell.store.dead_letters import list_dead_letters
from runbell.store.listings import Listed
from runbell.store.overview import SensorState, read_sensor_states
from runbell.store.recording import StatusChange, record_run_status, record_step_failure
from runbell.store.requests import list_run_requests
from runbell.testing import Happened, made_up_event

TEMPLATE = "runbell"
# A daemon that does nothing but drain needs far less; a function that hangs must not hold up the whole suite.
STOP_SECONDS = 20.0
LOOK_SECONDS = 0.02
MOST_LISTED = 100_000

Answer = TypeVar("Answer")


@dataclass(slots=True)
class RunningDaemon:
    """A daemon that evaluates what is recorded through it, or by anybody else in its database.

    Attributes:
        url: of the database.
    """

    url: str
    _portal: BlockingPortal
    _daemon: Daemon
    _ended: "Future[None]"

    def record(self, **happened: Unpack[Happened]) -> int:
        """Records a status change, and the step failures before it; gives the event's id.

        Args:
            happened: see `runbell.testing.Happened`; times, `event_id`, `replay` and `requester` are the database's.
        """
        event = made_up_event(**happened)
        change = StatusChange(
            source=event.source,
            run_id=event.run_id,
            job_name=event.job_name,
            status=event.native_status,
            code_location=event.code_location,
            partition_key=event.partition_key,
            tags={name: str(value) for name, value in happened.get("tags", {}).items()},
            run_config=event.run_config or "{}",
            message=event.message,
            error=_error(happened.get("error")),
        )
        failures = {step: _error(error) or {} for step, error in happened.get("step_failures", {}).items()}
        return self._ask(partial(_record, change=change, failures=failures))

    def settle(self, seconds: float = 20.0) -> None:
        """Waits until each event has been answered by each sensor that it matches, retries included.

        Raises:
            TimeoutError: it was not within so many seconds; names the sensors that are not done.
        """
        self._portal.call(self._settle, seconds)

    def requests(self) -> list[dict[str, Any]]:
        """The run requests, oldest first, with the columns of `runbell.run_requests`."""
        return self._list(partial(list_run_requests, state=None, sensor_name=None, limit=MOST_LISTED))

    def dead_letters(self) -> list[dict[str, Any]]:
        """The evaluations that were given up, oldest first, as `runbell dead-letters list --json` shows them."""
        return self._list(partial(list_dead_letters, limit=MOST_LISTED))

    def stop(self) -> None:
        """Ends it as SIGTERM does: it drains. Once is enough."""
        self._portal.call(self._daemon.stop)
        self._ended.result(STOP_SECONDS)

    def _list(self, listing: Callable[[connections.Session], Awaitable[list[Listed]]]) -> list[dict[str, Any]]:
        return [json.loads(row.document) for row in reversed(self._ask(listing))]

    def _ask(self, question: Callable[[connections.Session], Awaitable[Answer]]) -> Answer:
        async def answer() -> Answer:
            session = await connections.connect(self.url, role="test")
            try:
                return await question(session)
            finally:
                await session.close()

        return self._portal.call(answer)

    async def _settle(self, seconds: float) -> None:
        session = await connections.connect(self.url, role="test")
        busy = await _busy(session)
        try:
            with anyio.move_on_after(seconds):
                while busy:
                    await anyio.sleep(LOOK_SECONDS)
                    busy = await _busy(session)
        finally:
            session.terminate()
        if busy:
            names = ", ".join(f"{state.sensor_name} ({state.lag_events + state.retrying})" for state in busy)
            raise TimeoutError(f"not settled within {seconds:g} s: evaluations are left of {names}")


@dataclass(slots=True)
class Trial:
    """A database of one test's own, and the daemons on it."""

    url: str
    _portal: BlockingPortal
    _started: list[RunningDaemon] = field(default_factory=list)

    def start(self, *sensors: Sensor, **settings: Any) -> RunningDaemon:
        """A daemon that is ready: nothing recorded from now on is missed.

        Args:
            sensors: what it evaluates.
            settings: as the environment variables of their names, in lower case and without `RUNBELL_`, such as
                `retry_attempts`, `code_location` and `sensor_timeout_seconds`.

        Raises:
            TypeError: there is no such setting.
        """
        options = DaemonOptions(database_url=self.url, module="test", sensors=sensors, **settings)
        # On its own loop, which it takes its events and scopes from.
        daemon = self._portal.call(Daemon, options)
        ended, _ = self._portal.start_task(daemon.run)
        running = RunningDaemon(self.url, self._portal, daemon, ended)
        self._started.append(running)
        return running

    def stop(self) -> None:
        """Ends all of them."""
        for running in reversed(self._started):
            running.stop()


@dataclass(slots=True)
class TrialServer:
    """A private server with a migrated database to copy."""

    url: str
    _portal: BlockingPortal
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """A database until the end of the body."""
        name = f"trial_{next(self._numbers)}"
        self.run("createdb", f"--template={TEMPLATE}", "--strategy=wal_log", name)
        trial = Trial(self.url_of(name), self._portal)
        try:
            yield trial
        finally:
            trial.stop()
            self.run("dropdb", "--force", name)

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return self.url.replace("/postgres?", f"/{database}?")

    def run(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's own programs on it."""
        host = self.url.partition("?host=")[2]
        command: list[str | Path] = [
            program(name),
            f"--host={host}",
            f"--username={SUPERUSER}",
            "--no-password",
            *arguments,
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - PostgreSQL's own program


@contextmanager
def trial_server() -> Iterator[TrialServer]:
    """A server until the end of the body.

    Raises:
        SettingsError: the extra `embedded` is not installed.
    """
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        url = stack.enter_context(portal.wrap_async_context_manager(embedded_server(None, _announce)))
        server = TrialServer(url, portal)
        server.run("createdb", TEMPLATE)
        portal.call(schema.migrate, server.url_of(TEMPLATE))
        yield server


async def _record(
    session: connections.Session, *, change: StatusChange, failures: Mapping[str, Mapping[str, Any]]
) -> int:
    for step_key, error in failures.items():
        await record_step_failure(session, source=change.source, run_id=change.run_id, step_key=step_key, error=error)
    return await record_run_status(session, change)


def _error(given: object) -> Mapping[str, Any] | None:
    return given if given is None or isinstance(given, Mapping) else {"message": str(given)}


async def _busy(session: connections.Session) -> list[SensorState]:
    """The sensors that are not done. What waited for its first call may have failed between the two reads of a look: so
    there are two looks, since what has failed never waits for its first call again."""
    return await _seen_busy(session) or await _seen_busy(session)


async def _seen_busy(session: connections.Session) -> list[SensorState]:
    return [state for state in await read_sensor_states(session) if state.lag_events or state.retrying]


def _announce(sentence: str) -> None:
    print(sentence, file=sys.stderr)  # noqa: T201 - to whoever looks at a failing test's output
