"""`runbell serve`: supervises the daemon's workers in the foreground, until a signal asks it to stop."""

import os
import socket
import sys
from contextlib import ExitStack
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
from runbell.ops.failures import explained
from runbell.ops.fleet_metrics import FleetMetrics
from runbell.ops.http import Http, bound
from runbell.ops.notices import Notices, notices_of
from runbell.ops.reloading import reload_on_changes, reload_on_signal, watched_folder
from runbell.ops.serving_launcher import ServingLauncher, launcher_beside
from runbell.ops.settings import Settings, read_settings, unknown_variables
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.standing import StandingReader

log = structlog.get_logger()
# With the module path of this process less the current folder: a file there must not stand in for a library.
WORKER = (sys.executable, "-P", "-m", "runbell.ops.worker")


def _option(variable: str) -> Any:
    return typer.Option(help=f"RUNBELL_{variable}", show_default=False, metavar="VALUE")


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
    launch: Annotated[str | None, _option("LAUNCH")] = None,
    launch_source: Annotated[str | None, _option("LAUNCH_SOURCE")] = None,
    launch_concurrent: Annotated[str | None, _option("LAUNCH_CONCURRENT")] = None,
    launch_max_in_progress: Annotated[str | None, _option("LAUNCH_MAX_IN_PROGRESS")] = None,
    dagster_url: Annotated[str | None, _option("DAGSTER_URL")] = None,
    dagster_headers: Annotated[str | None, _option("DAGSTER_HEADERS")] = None,
    dagster_headers_file: Annotated[str | None, _option("DAGSTER_HEADERS_FILE")] = None,
    dagster_answer_seconds: Annotated[str | None, _option("DAGSTER_ANSWER_SECONDS")] = None,
    reload: Annotated[bool, typer.Option("--reload", help="Load the sensors anew when their files change.")] = False,
) -> None:
    """Answer run status changes until told to stop. SIGHUP: load the sensors anew."""
    flags = dict(locals())
    _serve_as_told(flags, reload=flags.pop("reload"))


def _serve_as_told(flags: dict[str, Any], *, reload: bool) -> None:
    with explained():
        served = _serve(read_settings(**flags), reload=reload)
    served.say_end()
    raise typer.Exit(served.code)


def _serve(settings: Settings, *, reload: bool) -> "Served":
    notices = notices_of(settings)
    beside = launcher_beside(settings)
    stdout = logs.keep_stdout()
    logs.configure(settings.log_format, settings.log_level, stdout)
    for variable, meant in unknown_variables().items():
        log.warning("unknown_setting_ignored", variable=variable, **({"meant": meant} if meant else {}))
    with ExitStack() as stack:
        listening = None
        if settings.http_port is not None:
            listening = stack.enter_context(bound(settings.http_host, settings.http_port))
        watched = watched_folder(settings.sensors) if reload else None
        served = Served(settings, stack.enter_context(Relay()), stdout, listening, notices, beside, watched)
        anyio.run(served.run, backend_options={"use_uvloop": True})
    return served


class Served:
    """One `serve`, from its start to its end."""

    def __init__(
        self,
        settings: Settings,
        relay: Relay,
        stdout: int,
        listening: socket.socket | None,
        notices: Notices | None,
        beside: ServingLauncher | None,
        watched: Path | None,
    ) -> None:
        self._settings = settings
        self._watched = watched
        self._listening = listening
        self._metrics = FleetMetrics()
        self._notices = notices
        self._launcher = beside
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
                http = Http(partial(self._why_not_ready, stop), self._metrics, standing)
                tasks.start_soon(http.run, self._listening)
            if self._notices:
                tasks.start_soon(self._notices.run)
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
        )

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
