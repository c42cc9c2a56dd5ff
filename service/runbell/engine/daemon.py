"""The daemon: one term after another, each with fresh connections and nothing remembered, until it is told to stop."""

import os
import socket
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import anyio
import structlog
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from runbell.core.errors import RunbellError, StoreUnavailableError
from runbell.core.sensors import DefaultSensorStatus, Sensor
from runbell.engine.deployment import Deployment
from runbell.engine.evaluator import Limits
from runbell.engine.listener import Listener
from runbell.engine.measures import Measures
from runbell.engine.reporting import Reporter
from runbell.engine.service import Service
from runbell.store.bell import Sleep
from runbell.store.connections import connect, connect_pool
from runbell.store.daemons import Identity
from runbell.store.server import OneServer, check_places

log = structlog.get_logger()
# Reader, committer, tenure, and what contexts are asked; more would only wait for one another on a busy server.
POOL_SIZE = 6
# Between attempts to reach a lost database: recovered within a second of its return.
FIRST_BACKOFF_SECONDS = 0.05
LONGEST_BACKOFF_SECONDS = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonOptions:
    """What a daemon needs to know."""

    database_url: str
    module: str
    sensors: tuple[Sensor, ...]
    code_location: str | None = None
    default_running: bool = True
    sensor_timeout_seconds: float = 60.0
    max_requests_per_evaluation: int = 10_000
    retry_attempts: int = 10
    retry_backoff_seconds: float = 1.0
    shutdown_grace_seconds: float = 10.0

    def deployment(self) -> Deployment:
        """What this process offers, under a new identity."""
        limits = Limits(
            timeout_seconds=self.sensor_timeout_seconds,
            max_requests=self.max_requests_per_evaluation,
            retry_attempts=self.retry_attempts,
            retry_backoff_seconds=self.retry_backoff_seconds,
        )
        identity = Identity(uuid4(), self.module, self.code_location, socket.gethostname(), os.getpid())
        sensors = {sensor.identity(self.code_location): sensor for sensor in self.sensors}
        return Deployment(
            identity,
            sensors,
            {name: sensor.filter(self.code_location) for name, sensor in sensors.items()},
            {name: self._is_active(sensor) for name, sensor in sensors.items()},
            limits,
        )

    def _is_active(self, sensor: Sensor) -> bool:
        """Does the sensor run, as far as code and settings say?"""
        if sensor.default_status is None:
            return self.default_running
        return sensor.default_status is DefaultSensorStatus.RUNNING


class Daemon:
    """Answers run status changes until it is stopped.

    Attributes:
        ready: it holds its connections and has deployed its sensors; false while the database is away.
    """

    def __init__(
        self,
        options: DaemonOptions,
        *,
        measures: Measures | None = None,
        announced: Mapping[str, object] | None = None,
    ) -> None:
        self._options = options
        self._measures = measures or Measures()
        # What else `daemon_started` says, such as the port that health is answered on.
        self._announced = dict(announced or {})
        self._stopping = anyio.Event()
        self._connecting = anyio.CancelScope()
        self._started = False
        self._deployment = options.deployment()
        self.ready = False

    def stop(self) -> None:
        """Drain and end: what has been evaluated is committed, what has not is left for the next start."""
        self._stopping.set()
        # A server that does not answer must not hold up the end; once connected, the service drains instead.
        self._connecting.cancel()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Run; started once the sensors are deployed, returns after draining.

        Raises:
            StoreUnavailableError: the database cannot be reached at start. Later it is waited for.
            RunbellError: what waiting cannot mend.
        """
        backoff = FIRST_BACKOFF_SECONDS
        while not self._stopping.is_set():
            self._was_ready = False
            failure = await self._serve_one_term(task_status)
            if failure is None:
                break
            if not (self._started and isinstance(failure, StoreUnavailableError)):
                raise failure
            self._say_lost(failure)
            backoff = FIRST_BACKOFF_SECONDS if self._was_ready else min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            with anyio.move_on_after(backoff):
                await self._stopping.wait()
        self.ready = False
        log.info("daemon_stopped", daemon_id=str(self._deployment.identity.daemon_id))

    async def _serve_one_term(self, task_status: TaskStatus[None]) -> RunbellError | None:
        """Serve until told to stop (None), or until something fails that can be said in a sentence."""
        failure: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                service = None
                with anyio.CancelScope() as self._connecting:
                    service = await self._connect(stack)
                if service is not None:
                    on_ready = partial(self._say_ready, task_status)
                    await service.run(self._stopping, on_ready, self._options.shutdown_grace_seconds)
        except* RunbellError as errors:
            failure = errors
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        return failure if isinstance(failure, RunbellError) else None

    async def _connect(self, stack: AsyncExitStack) -> Service:
        """Connect, check the server, and listen."""
        url = self._options.database_url
        server = OneServer()
        pool = await connect_pool(url, role="daemon", size=POOL_SIZE, greet=server.identify_server)
        stack.callback(pool.terminate)
        await check_places(pool)
        listener = await stack.enter_async_context(Listener(url, self._deployment.identity))
        await server.identify_server(listener.session)
        sleep: Sleep | None = None
        if listener.direct:
            bell = await connect(url, role="bell", idle_in_transaction_session_timeout="0")
            stack.callback(bell.terminate)
            await server.identify_server(bell)
            sleep = Sleep(bell)
        else:
            log.warning("listening_failed", remedy="notifications do not arrive here: connect without a pooler")
        return Service(self._deployment, pool, listener, sleep, Reporter(self._measures))

    def _say_ready(self, task_status: TaskStatus[None]) -> None:
        self.ready = self._was_ready = True
        facts = {"daemon_id": str(self._deployment.identity.daemon_id), "module": self._options.module}
        if self._started:
            log.info("listener_reconnected", **facts)
            return
        self._started = True
        log.info("daemon_started", **facts, sensors=len(self._options.sensors), **self._announced)
        task_status.started()

    def _say_lost(self, failure: RunbellError) -> None:
        if self.ready:
            self._measures.lost_database()
            log.warning("database_lost", error=str(failure))
        self.ready = False
