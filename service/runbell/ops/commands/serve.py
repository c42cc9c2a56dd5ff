"""`runbell serve`: the daemon in the foreground, until a signal asks it to stop."""

import socket
from functools import partial
from typing import Annotated, Any

import anyio
import structlog
import typer

from runbell.engine.daemon import Daemon, DaemonOptions
from runbell.ops import logs, schema
from runbell.ops.failures import explained
from runbell.ops.http import Http, bound
from runbell.ops.loading import LoadedSensors, load_sensors
from runbell.ops.metrics import Metrics
from runbell.ops.settings import Settings, read_settings, unknown_variables
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.standing import StandingReader

log = structlog.get_logger()


def _option(variable: str) -> Any:
    return typer.Option(help=f"RUNBELL_{variable}", show_default=False, metavar="VALUE")


def serve(  # noqa: PLR0913 - each setting has its flag
    *,
    # Text, whatever the setting is: so that all bad values are reported together, wherever they come from.
    database_url: Annotated[str | None, _option("DATABASE_URL")] = None,
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
    retry_attempts: Annotated[str | None, _option("RETRY_ATTEMPTS")] = None,
    retry_backoff_seconds: Annotated[str | None, _option("RETRY_BACKOFF_SECONDS")] = None,
) -> None:
    """Answer run status changes until told to stop."""
    flags = dict(locals())
    with explained():
        settings = read_settings(**flags)
        logs.configure(settings.log_format, settings.log_level, logs.keep_stdout())
        for variable, meant in unknown_variables().items():
            log.warning("unknown_setting_ignored", variable=variable, **({"meant": meant} if meant else {}))
        loaded = load_sensors(settings.sensors)
        drained = anyio.run(_serve, settings, loaded, backend_options={"use_uvloop": True})
    raise typer.Exit(0 if drained else 1)


async def _serve(settings: Settings, loaded: LoadedSensors) -> bool:
    """Serve until stopped; gives whether everything was drained."""
    if settings.http_port is None:
        return await _run(settings, loaded, None)
    with bound(settings.http_host, settings.http_port) as listening:
        return await _run(settings, loaded, listening)


async def _run(settings: Settings, loaded: LoadedSensors, listening: socket.socket | None) -> bool:
    names = [sensor.identity(settings.code_location) for sensor in loaded.sensors]
    metrics = Metrics(names)
    announced = {"http_port": listening.getsockname()[1]} if listening else {}
    daemon = Daemon(daemon_options(settings, loaded), measures=metrics, announced=announced)
    async with stop_signals(settings.shutdown_grace_seconds) as stop, anyio.create_task_group() as tasks:
        if listening:
            http = Http(partial(_why_not_ready, stop, daemon), metrics, StandingReader(settings.database_url, names))
            tasks.start_soon(http.run, listening)
        opening = anyio.CancelScope()
        tasks.start_soon(_stop_when_asked, stop, opening, daemon)
        with opening:
            await schema.wait_for_schema(settings.database_url)
        if not stop.asked:
            await daemon.run()
        tasks.cancel_scope.cancel()
    return not stop.forced


def _why_not_ready(stop: StopSignals, daemon: Daemon) -> str | None:
    if stop.asked:
        return "stopping"
    return None if daemon.ready else "the database is away, or the sensors are not deployed yet"


async def _stop_when_asked(stop: StopSignals, opening: anyio.CancelScope, daemon: Daemon) -> None:
    await stop.wait()
    opening.cancel()
    daemon.stop()


def daemon_options(settings: Settings, loaded: LoadedSensors) -> DaemonOptions:
    """What the engine needs to know of the settings."""
    return DaemonOptions(
        database_url=settings.database_url,
        module=loaded.module,
        sensors=loaded.sensors,
        code_location=settings.code_location,
        default_running=settings.default_status == "RUNNING",
        sensor_timeout_seconds=settings.sensor_timeout_seconds,
        max_requests_per_evaluation=settings.max_requests_per_evaluation,
        retry_attempts=settings.retry_attempts,
        retry_backoff_seconds=settings.retry_backoff_seconds,
        shutdown_grace_seconds=settings.shutdown_grace_seconds,
    )
