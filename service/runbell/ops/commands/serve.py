"""`runbell serve`: supervises the daemon's workers in the foreground, until a signal asks it to stop."""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import anyio
import structlog
import typer

from runbell.engine.channel import Failed, Ready
from runbell.engine.listeners import Listeners
from runbell.engine.relay import Relay
from runbell.engine.supervisor import Supervisor
from runbell.engine.workers import Launch
from runbell.ops import logs
from runbell.ops.console.console import Console, console_of
from runbell.ops.dead_man import DeadMan, check_heartbeat_url
from runbell.ops.failures import explained
from runbell.ops.fleet_metrics import FleetMetrics
from runbell.ops.http import Http, bound
from runbell.ops.notices import Notices, notices_of
from runbell.ops.reloading import reload_on_changes, reload_on_signal, watched_folder
from runbell.ops.serving_launcher import ServingLauncher, launcher_beside
from runbell.ops.settings import Settings, read_settings, unknown_variables
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.standing import StandingReader
from runbell.ops.trouble_notices import TroubleNotices

log = structlog.get_logger()
# With the module path of this process less the current folder: a file there must not stand in for a library.
WORKER = (sys.executable, "-P", "-m", "runbell.ops.worker")


def _option(variable: str) -> Any:
    return typer.Option(help=f"RUNBELL_{variable}", show_default=False, metavar="VALUE")


Shadow = Annotated[
    bool, typer.Option("--shadow", help="RUNBELL_SHADOW: say what would be evaluated, and call nothing.")
]


def serve(  # noqa: PLR0913 - each setting has its flag
    *,
    # Text, whatever the setting is: so that all bad values are reported together, wherever they come from.
    database_url: Annotated[str | None, _option("DATABASE_URL")] = None,
    database_url_file: Annotated[str | None, _option("DATABASE_URL_FILE")] = None,
    listen_url: Annotated[str | None, _option("LISTEN_URL")] = None,
    listen_url_file: Annotated[str | None, _option("LISTEN_URL_FILE")] = None,
    sensors: Annotated[str | None, _option("SENSORS")] = None,
    log_format: Annotated[str | None, _option("LOG_FORMAT")] = None,
    log_level: Annotated[str | None, _option("LOG_LEVEL")] = None,
    http_host: Annotated[str | None, _option("HTTP_HOST")] = None,
    http_port: Annotated[str | None, _option("HTTP_PORT")] = None,
    http_token: Annotated[str | None, _option("HTTP_TOKEN")] = None,
    http_token_file: Annotated[str | None, _option("HTTP_TOKEN_FILE")] = None,
    shutdown_grace_seconds: Annotated[str | None, _option("SHUTDOWN_GRACE_SECONDS")] = None,
    sensor_timeout_seconds: Annotated[str | None, _option("SENSOR_TIMEOUT_SECONDS")] = None,
    code_location: Annotated[str | None, _option("CODE_LOCATION")] = None,
    default_status: Annotated[str | None, _option("DEFAULT_STATUS")] = None,
    max_requests_per_evaluation: Annotated[str | None, _option("MAX_REQUESTS_PER_EVALUATION")] = None,
    max_chain_depth: Annotated[str | None, _option("MAX_CHAIN_DEPTH")] = None,
    run_url: Annotated[str | None, _option("RUN_URL")] = None,
    workers: Annotated[str | None, _option("WORKERS")] = None,
    worker_memory_mb: Annotated[str | None, _option("WORKER_MEMORY_MB")] = None,
    retry_attempts: Annotated[str | None, _option("RETRY_ATTEMPTS")] = None,
    retry_backoff_seconds: Annotated[str | None, _option("RETRY_BACKOFF_SECONDS")] = None,
    notify_urls: Annotated[str | None, _option("NOTIFY_URLS")] = None,
    notify_interval_seconds: Annotated[str | None, _option("NOTIFY_INTERVAL_SECONDS")] = None,
    notify_after_seconds: Annotated[str | None, _option("NOTIFY_AFTER_SECONDS")] = None,
    heartbeat_url: Annotated[str | None, _option("HEARTBEAT_URL")] = None,
    heartbeat_interval_seconds: Annotated[str | None, _option("HEARTBEAT_INTERVAL_SECONDS")] = None,
    retention_events_days: Annotated[str | None, _option("RETENTION_EVENTS_DAYS")] = None,
    retention_requests_days: Annotated[str | None, _option("RETENTION_REQUESTS_DAYS")] = None,
    retention_ticks_days: Annotated[str | None, _option("RETENTION_TICKS_DAYS")] = None,
    retention_stopped_days: Annotated[str | None, _option("RETENTION_STOPPED_DAYS")] = None,
    launch: Annotated[str | None, _option("LAUNCH")] = None,
    launch_source: Annotated[str | None, _option("LAUNCH_SOURCE")] = None,
    launch_concurrent: Annotated[str | None, _option("LAUNCH_CONCURRENT")] = None,
    launch_max_in_progress: Annotated[str | None, _option("LAUNCH_MAX_IN_PROGRESS")] = None,
    dagster_url: Annotated[str | None, _option("DAGSTER_URL")] = None,
    dagster_headers: Annotated[str | None, _option("DAGSTER_HEADERS")] = None,
    dagster_headers_file: Annotated[str | None, _option("DAGSTER_HEADERS_FILE")] = None,
    dagster_answer_seconds: Annotated[str | None, _option("DAGSTER_ANSWER_SECONDS")] = None,
    shadow: Shadow = False,
    reload: Annotated[bool, typer.Option("--reload", help="Load the sensors anew when their files change.")] = False,
) -> None:
    """Answer run status changes until told to stop. SIGHUP: load the sensors anew."""
    flags = {**locals(), "shadow": shadow or None}
    raise typer.Exit(_serve_as_told(flags, reload=flags.pop("reload")))


def _serve_as_told(flags: Mapping[str, Any], *, reload: bool) -> int:
    """Serve with these flags; gives the exit code."""
    with explained():
        served = _serve(read_settings(**flags), reload=reload)
    served.say_end()
    return served.code


def _serve(settings: Settings, *, reload: bool) -> "Served":
    watched = watched_folder(settings.sensors) if reload else None
    beside = Beside(notices_of(settings), console_of(settings), launcher_beside(settings), watched)
    check_heartbeat_url(settings.heartbeat_url)
    stdout = logs.keep_stdout()
    logs.configure(settings.log_format, settings.log_level, stdout)
    for variable, meant in unknown_variables().items():
        log.warning("unknown_setting_ignored", variable=variable, **({"meant": meant} if meant else {}))
    with ExitStack() as stack:
        listening = None
        if settings.http_port is not None:
            listening = stack.enter_context(bound(settings.http_host, settings.http_port))
        relay = stack.enter_context(Relay(beside.console.log_lines.keep if listening else None))
        served = Served(settings, relay, stdout, listening, beside)
        anyio.run(served.run, backend_options={"use_uvloop": True})
    return served


@dataclass(frozen=True, slots=True)
class Beside:
    """What runs beside the supervisor: who is told of trouble, the pages, the launcher of `--launch`, and what watches
    the files of the sensors' module for `--reload`."""

    notices: Sequence[Notices | TroubleNotices]
    console: Console
    launcher: ServingLauncher | None
    watched: Path | None


class Served:
    """One `serve`, from its start to its end."""

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        stdout: int,
        listening: socket.socket | None,
        beside: Beside,
    ) -> None:
        self._settings = settings
        self._console = beside.console
        self._watched = beside.watched
        self._listening = listening
        self._metrics = FleetMetrics()
        self._notices = beside.notices
        self._launcher = beside.launcher
        self._started: Ready | None = None
        self._forced = False
        launch = Launch(
            command=WORKER,
            settings=settings.model_dump(mode="json"),
            relay=relay,
            stdout=stdout,
            stderr=sys.stderr.fileno(),
            colors=os.isatty(stdout),
        )
        self._supervisor = Supervisor(
            launch=launch,
            active=settings.workers,
            memory_mb=settings.worker_memory_mb,
            listeners=Listeners(
                started=self._say_started,
                reloaded=self._take_reloaded,
                counted=self._metrics.counted,
                ended=self._metrics.ended,
            ),
        )
        self._metrics.ask = self._supervisor.count

    @property
    def code(self) -> int:
        """The exit code of the process."""
        if self._failed is not None:
            return self._failed.code
        return 1 if self._forced or self._supervisor.forced else 0

    @property
    def _failed(self) -> Failed | None:
        return self._supervisor.failed

    async def run(self) -> None:
        """Serve until a signal comes, or until it turns out that there is nothing to serve."""
        grace = self._settings.shutdown_grace_seconds
        async with stop_signals(grace) as stop, anyio.create_task_group() as tasks:
            if self._listening:
                standing = StandingReader(self._settings.database_url, self._metrics.sensor_names)
                http = Http(partial(self._why_not_ready, stop), self._metrics, standing, self._console)
                tasks.start_soon(http.run, self._listening)
            for notices in self._notices:
                tasks.start_soon(notices.run)
            if self._settings.heartbeat_url:
                interval = self._settings.heartbeat_interval_seconds
                alive = DeadMan(self._settings.heartbeat_url, interval, lambda: self._why_not_ready(stop) is None)
                tasks.start_soon(alive.run)
            tasks.start_soon(self._stop_when_asked, stop)
            if self._watched:
                tasks.start_soon(reload_on_changes, self._watched, self._supervisor.reload)
            async with anyio.create_task_group() as launching:
                if self._launcher:
                    launching.start_soon(self._launcher.run)
                with reload_on_signal(self._supervisor.reload):
                    await self._supervisor.run(grace)
                self._stop_launcher()
            tasks.cancel_scope.cancel()
        self._forced = stop.forced

    def _stop_launcher(self) -> None:
        if self._launcher:
            self._launcher.stop()

    def say_end(self) -> None:
        """The last line, once those of the workers have been passed on."""
        if self._failed is not None:
            print(self._failed.sentence, file=sys.stderr)  # noqa: T201 - as any command that cannot go on
        elif self._started is not None:
            log.info("daemon_stopped", daemon_id=str(self._started.daemon_id))

    def _say_started(self, ready: Ready) -> None:
        self._started = ready
        if self._launcher:
            self._launcher.start()
        self._metrics.sensor_names.extend(ready.sensors)
        port = {"http_port": self._listening.getsockname()[1]} if self._listening else {}
        log.info(
            "daemon_started",
            daemon_id=str(ready.daemon_id),
            module=ready.module,
            sensors=len(ready.sensors),
            **port,
            **({"shadow": True} if self._settings.shadow else {}),
        )
        if ready.left:
            log.info("left_to_dagster", names=list(ready.left))
        if ready.unlisted:
            log.warning("sensors_unlisted", names=list(ready.unlisted), remedy="no Definitions holds them")

    def _take_reloaded(self, ready: Ready) -> None:
        self._started = ready
        self._metrics.sensor_names[:] = ready.sensors

    def _why_not_ready(self, stop: StopSignals) -> str | None:
        if stop.asked:
            return "stopping"
        ready = self._supervisor.ready
        return None if ready else "the database is away, or the sensors are not deployed yet"

    async def _stop_when_asked(self, stop: StopSignals) -> None:
        await stop.wait()
        # Both drain at the same time.
        self._stop_launcher()
        self._supervisor.stop()
