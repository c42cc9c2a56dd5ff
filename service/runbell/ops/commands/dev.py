"""`runbell dev`: everything at work in one process, for a look within seconds."""

import logging
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from runbell.core.errors import SettingsError
from runbell.engine.daemon import Daemon
from runbell.launchers.options import LaunchOptions
from runbell.launchers.simulated.demo import simulated_orchestrator
from runbell.launchers.simulated.schedule import SOURCE
from runbell.ops import logs, schema
from runbell.ops.console.console import Console
from runbell.ops.daemon_options import daemon_options
from runbell.ops.embedded import embedded_server
from runbell.ops.failures import explained
from runbell.ops.folders import find_folder
from runbell.ops.http import Http, bound
from runbell.ops.loading import LoadedSensors, load_sensors
from runbell.ops.masking import mask
from runbell.ops.metrics import Metrics
from runbell.ops.settings import Settings, read_settings
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.standing import StandingReader

ANY_FREE = 0


def dev(
    *,
    # RUNBELL_DATABASE_URL is left alone: examples have no business in the database that it may name.
    database_url: Annotated[
        str | None, typer.Option(help="Use this server, not an embedded one.", metavar="URL")
    ] = None,
    database_url_file: Annotated[str | None, typer.Option(help="It, by a file with its URL.", metavar="PATH")] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep the embedded server's data here.", metavar="DIR")] = None,
    sensors: Annotated[
        str | None, typer.Option(help="RUNBELL_SENSORS; default: the example sensors.", metavar="MODULE")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="RUNBELL_LOG_FORMAT", metavar="VALUE")] = None,
    log_level: Annotated[str | None, typer.Option(help="RUNBELL_LOG_LEVEL", metavar="VALUE")] = None,
    http_port: Annotated[
        str | None, typer.Option(help="RUNBELL_HTTP_PORT, of the console; default: any free one.", metavar="VALUE")
    ] = None,
) -> None:
    """Show everything at work: a database, example sensors and a simulated orchestrator."""
    with explained():
        given = bool(database_url or database_url_file)
        if given and keep:
            raise SettingsError("--keep is for the embedded server, which --database-url does without")
        settings = read_settings(
            needs_database=False,
            database_url=database_url,
            database_url_file=database_url_file,
            sensors=sensors,
            # For eyes, also where the output is not a terminal.
            log_format=log_format or os.environ.get("RUNBELL_LOG_FORMAT") or "console",
            log_level=log_level,
            http_port=http_port,
        )
        loaded = load_sensors(settings.sensors or str(find_folder("sensors")))
        logs.configure(settings.log_format, settings.log_level, logs.keep_stdout())
        # Of the migrations the banner says enough.
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with bound("127.0.0.1", settings.http_port or ANY_FREE) as listening:
            run = partial(_dev, settings, loaded, settings.database_url if given else None, keep, listening)
            drained = anyio.run(run, backend_options={"use_uvloop": True})
    raise typer.Exit(0 if drained else 1)


async def _dev(
    settings: Settings, loaded: LoadedSensors, given: str | None, keep: Path | None, listening: socket.socket
) -> bool:
    async with stop_signals(settings.shutdown_grace_seconds) as stop, _database(given, keep) as url:
        await schema.migrate(url)
        _say(_banner(loaded, url, keep, listening.getsockname()[1]))
        # Everything on a server of our own; on a given one, only what was meant for the simulation.
        options = LaunchOptions(consumer="dev", targets=(SOURCE,) if given else None)
        own = settings.model_copy(update={"database_url": url, "listen_url": None})
        await _run(own, loaded, options, stop, listening)
    return not stop.forced


async def _run(
    settings: Settings, loaded: LoadedSensors, options: LaunchOptions, stop: StopSignals, listening: socket.socket
) -> None:
    names = [sensor.identity(settings.code_location) for sensor in loaded.sensors]
    metrics = Metrics(names)
    daemon = Daemon(daemon_options(settings, loaded), measures=metrics)
    url = settings.database_url
    http = Http(partial(_why_not_ready, daemon), metrics, StandingReader(url, names), Console(url, None))
    async with anyio.create_task_group() as tasks, anyio.create_task_group() as pages:
        pages.start_soon(_show, http, listening)
        await tasks.start(daemon.run)
        async with simulated_orchestrator(settings.database_url, options, scheduled=True):
            await stop.wait()
        pages.cancel_scope.cancel()
        daemon.stop()


async def _show(http: Http, listening: socket.socket) -> None:
    # What shows pages takes a while to load, which nobody shall wait for who does not look.
    await anyio.wait_readable(listening)
    await http.run(listening)


def _why_not_ready(daemon: Daemon) -> str | None:
    return None if daemon.ready else "the database is away, or the sensors are not deployed yet"


@asynccontextmanager
async def _database(given: str | None, keep: Path | None) -> AsyncIterator[str]:
    if given:
        yield given
        return
    async with embedded_server(keep, _say) as url:
        yield url


def _banner(loaded: LoadedSensors, url: str, keep: Path | None, port: int) -> str:
    fate = f", data kept in {keep}" if keep else ""
    names = ", ".join(sorted(sensor.name for sensor in loaded.sensors))
    return (
        f"{len(loaded.sensors)} sensors of {loaded.module}: {names}\n"
        f"database: {mask(url)}{fate}\nconsole: http://127.0.0.1:{port}/\nCtrl-C ends it"
    )


def _say(text: str) -> None:
    """For the person at the terminal: on stderr, since stdout carries log lines only."""
    print(*(f"runbell: {line}" for line in text.splitlines()), sep="\n", file=sys.stderr, flush=True)  # noqa: T201
