"""The daemon: one term after another, each with fresh connections and nothing remembered, until it is told to stop."""

import os
import socket
from collections.abc import Callable, Collection, Mapping, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID, uuid4

import anyio
import structlog
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from runbell.core.drafts import MAX_CHAIN_DEPTH
from runbell.core.errors import RunbellError, SchemaBehindError, StatementAbortedError, StoreUnavailableError
from runbell.core.leases import Role
from runbell.core.retention import Retention
from runbell.core.sensors import DefaultSensorStatus, Sensor
from runbell.core.shadowing import offered_as
from runbell.engine.calls import Calls
from runbell.engine.deployment import Deployment
from runbell.engine.evaluator import Limits
from runbell.engine.listener import Listener
from runbell.engine.measures import Measures
from runbell.engine.membership import Membership
from runbell.engine.rebasing import trust_places
from runbell.engine.reporting import Reporter
from runbell.engine.retention import Sweeper
from runbell.engine.service import Service
from runbell.engine.sessions import Sessions
from runbell.engine.tail import POLL_SECONDS
from runbell.engine.watcher import Watcher
from runbell.store.bell import Sleep
from runbell.store.connections import connect, given_as
from runbell.store.daemons import Identity
from runbell.store.sensors import Offered, offer_of
from runbell.store.server import OneServer

log = structlog.get_logger()
# Between attempts to reach a lost database: recovered within a second of its return.
FIRST_BACKOFF_SECONDS = 0.05
LONGEST_BACKOFF_SECONDS = 0.8
REMEDY = "notifications do not arrive here, through a pooler say: give a direct address as RUNBELL_LISTEN_URL"


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
    max_chain_depth: int = MAX_CHAIN_DEPTH
    run_url: str | None = None
    retry_attempts: int = 10
    retry_backoff_seconds: float = 1.0
    shutdown_grace_seconds: float = 10.0
    # Where `database_url` leads through a pooler: the address for what needs a session of its own.
    listen_url: str | None = None
    role: Role = Role.ACTIVE
    # For the role of those kept apart: the sensors that it is there for.
    only: frozenset[str] = frozenset()
    retention: Retention = field(default_factory=Retention)
    # Called with the sensors that are kept apart and that nobody evaluates.
    on_apart: Callable[[frozenset[str]], None] | None = None
    # A worker's calls are marked where its supervisor sees them, and it is told what its predecessors died of.
    calls: Calls = field(default_factory=Calls)
    verdicts: MutableMapping[tuple[str, int, int], str] = field(default_factory=dict)
    # It is one of the processes of a `serve`, which speaks for the whole.
    supervised: bool = False
    # Say what would be evaluated, and call nothing but what an operator has started.
    shadow: bool = False

    def deployment(self) -> Deployment:
        """What this process offers, under a new identity."""
        limits = Limits(
            timeout_seconds=self.sensor_timeout_seconds,
            max_requests=self.max_requests_per_evaluation,
            max_chain_depth=self.max_chain_depth,
            retry_attempts=self.retry_attempts,
            retry_backoff_seconds=self.retry_backoff_seconds,
        )
        sensors = {sensor.identity(self.code_location): sensor for sensor in self.sensors}
        offered = {
            name: Offered(name, sensor.filter(self.code_location), self._is_active(sensor))
            for name, sensor in sensors.items()
        }
        offer = offer_of(offered.values())
        module = offered_as(self.module, shadow=self.shadow)
        identity = Identity(uuid4(), module, self.code_location, offer, socket.gethostname(), os.getpid())
        return Deployment(identity, sensors, offered, limits, self.shadow, self.calls, self.verdicts, self.run_url)

    def _is_active(self, sensor: Sensor) -> bool:
        """Does the sensor run, as far as code and settings say? A shadow shows all that could."""
        if self.shadow:
            return True
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
        self._grace_seconds = options.shutdown_grace_seconds
        self._connecting = anyio.CancelScope()
        self._started = False
        self._deployment = options.deployment()
        self._membership = Membership(options.role, options.only, options.on_apart)
        # What it was waiting for when it last said so.
        self._awaited = ""
        self._polling = False
        self._service: Service | None = None
        self.ready = False

    @property
    def daemon_id(self) -> UUID:
        """Its name among the daemons, random per start."""
        return self._deployment.identity.daemon_id

    @property
    def vitals(self) -> dict[str, float]:
        """How it is now, in figures; nothing while the database is away."""
        return self._service.vitals if self._service is not None else {}

    def promote(self, dead: Collection[UUID] = (), apart: Collection[str] = ()) -> None:
        """From stand-by to active: take the leases of those that are known to have died, at once.

        Args:
            dead: daemons that cannot do anything any more.
            apart: sensors that are kept apart from the others from now on, and so are not taken.
        """
        self._membership.promote(dead, apart)

    def set_apart(self, names: Collection[str], *, apart: bool) -> None:
        """Keep sensors apart from the others from now on, or no longer; who holds them gives them up."""
        self._membership.mark(names, apart=apart)

    def stop(self, grace_seconds: float | None = None) -> None:
        """Drain and end: what has been evaluated is committed, what has not is left for the next start.

        `grace_seconds`: how long what runs may take to finish; None: as the options say.
        """
        if grace_seconds is not None:
            self._grace_seconds = grace_seconds
        self._stopping.set()
        # A server that does not answer must not hold up the end; once connected, the service drains instead.
        self._connecting.cancel()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Run; started once the sensors are deployed, returns after draining.

        Raises:
            StoreUnavailableError: the database cannot be reached at start. Later it is waited for; what it rolls back
                for reasons of its own is repeated at start, too.
            RunbellError: what waiting cannot mend.
        """
        backoff = FIRST_BACKOFF_SECONDS
        while not self._stopping.is_set():
            self._was_ready = False
            failure = await self._serve_one_term(task_status)
            if failure is None:
                break
            if not self._is_waited_for(failure):
                raise failure
            self._say_lost(failure)
            backoff = FIRST_BACKOFF_SECONDS if self._was_ready else min(backoff * 2, LONGEST_BACKOFF_SECONDS)
            with anyio.move_on_after(backoff):
                await self._stopping.wait()
        self.ready = False
        if self._options.supervised:
            log.info("worker_stopped", daemon_id=str(self.daemon_id))
        else:
            log.info("daemon_stopped", daemon_id=str(self.daemon_id))

    def _is_waited_for(self, failure: RunbellError) -> bool:
        if isinstance(failure, StatementAbortedError):
            return True
        # A schema that was there is on its way back: the database is being restored.
        return self._started and isinstance(failure, (StoreUnavailableError, SchemaBehindError))

    async def _serve_one_term(self, task_status: TaskStatus[None]) -> RunbellError | None:
        """Serve until told to stop (None), or until something fails that can be said in a sentence."""
        failure: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                service = None
                with anyio.CancelScope() as self._connecting:
                    service = await self._connect(stack)
                if service is not None:
                    self._service = service
                    on_ready = partial(self._say_ready, task_status)
                    await service.run(self._stopping, on_ready, lambda: self._grace_seconds)
        except* RunbellError as errors:
            failure = errors
        self._service = None
        while isinstance(failure, BaseExceptionGroup):
            failure = failure.exceptions[0]
        return failure if isinstance(failure, RunbellError) else None

    async def _connect(self, stack: AsyncExitStack) -> Service:
        """Connect, check the server, and listen."""
        url = self._options.database_url
        listen_url = self._options.listen_url or url
        identity = self._deployment.identity
        suffix = identity.session_suffix
        server = OneServer()
        sessions = await Sessions.opened(stack, url, suffix, server.identify_server)
        pool = sessions.pool
        await trust_places(url, pool, role=f"rebase {suffix}")
        listener = Listener(listen_url, identity, self._membership.told, pool, server.identify_server)
        with given_as(self._listen_variable):
            await stack.enter_async_context(listener)
        sleep: Sleep | None = None
        watcher: Watcher | None = None
        if listener.direct:
            with given_as(self._listen_variable):
                bell = await connect(listen_url, role=f"bell {suffix}", idle_in_transaction_session_timeout="0")
            stack.callback(bell.terminate)
            await server.identify_server(bell)
            sleep = Sleep(bell)
            self._polling = False
            watcher = Watcher(listen_url, suffix, self._membership.told.ring)
        else:
            self._say_polling()
        sweeper = Sweeper(pool, self._membership, self._options.retention)
        reporter = Reporter(self._measures)
        return Service(self._deployment, self._membership, sessions, listener, sleep, watcher, reporter, sweeper)

    @property
    def _listen_variable(self) -> str | None:
        return "RUNBELL_LISTEN_URL" if self._options.listen_url else None

    def _say_ready(self, task_status: TaskStatus[None]) -> None:
        self.ready = self._was_ready = True
        facts = {"daemon_id": str(self._deployment.identity.daemon_id), "module": self._options.module}
        if self._started:
            log.info("listener_reconnected", **facts)
            return
        self._started = True
        if self._options.supervised:
            log.info("worker_started", **facts, role=self._membership.role, **self._announced)
        else:
            log.info("daemon_started", **facts, sensors=len(self._options.sensors), **self._announced)
        task_status.started()

    def _say_polling(self) -> None:
        if not self._polling:
            self._polling = True
            log.warning("listening_failed", remedy=REMEDY, poll_seconds=POLL_SECONDS)

    def _say_lost(self, failure: RunbellError) -> None:
        reason = str(failure)
        if self.ready:
            self._measures.lost_database()
            log.warning("database_lost", error=reason)
        elif reason != self._awaited:
            log.warning("database_awaited", error=reason)
        self._awaited = reason
        self.ready = False
