"""`runbell launch TARGET`: start the runs that are requested for a target, until a signal asks it to stop."""

import os
import socket
from typing import Annotated

import anyio
import structlog
import typer

from runbell.core.errors import SettingsError
from runbell.launchers.options import LaunchOptions
from runbell.launchers.simulated.demo import simulated_orchestrator
from runbell.ops import logs, schema
from runbell.ops.failures import explained
from runbell.ops.settings import Settings, read_settings
from runbell.ops.signals import stop_signals
from runbell.store import connections

TARGETS = ("simulated",)

log = structlog.get_logger()


def launch(
    target: Annotated[str, typer.Argument(help=f"One of: {', '.join(TARGETS)}.", metavar="TARGET")],
    *,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", help="The simulated orchestrator also starts runs by itself.")
    ] = False,
    concurrent: Annotated[int, typer.Option(help="Launches at once.", min=1)] = 8,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
    log_format: Annotated[str | None, typer.Option(help="RUNBELL_LOG_FORMAT", metavar="VALUE")] = None,
    log_level: Annotated[str | None, typer.Option(help="RUNBELL_LOG_LEVEL", metavar="VALUE")] = None,
    shutdown_grace_seconds: Annotated[
        str | None, typer.Option(help="RUNBELL_SHUTDOWN_GRACE_SECONDS", metavar="VALUE")
    ] = None,
) -> None:
    """Start the requested runs of a target."""
    with explained():
        if target not in TARGETS:
            raise SettingsError(f"unknown target {target!r}: there is {', '.join(map(repr, TARGETS))}")
        settings = read_settings(
            database_url=database_url,
            log_format=log_format,
            log_level=log_level,
            shutdown_grace_seconds=shutdown_grace_seconds,
        )
        logs.configure(settings.log_format, settings.log_level, logs.keep_stdout())
        options = LaunchOptions(
            consumer=f"{socket.gethostname()}:{os.getpid()}",
            targets=(target,),
            concurrent=concurrent,
            drain_seconds=settings.shutdown_grace_seconds,
            listen_url=settings.listen_url,
        )
        drained = anyio.run(_launch, settings, options, scheduled, backend_options={"use_uvloop": True})
    raise typer.Exit(0 if drained else 1)


async def _launch(settings: Settings, options: LaunchOptions, scheduled: bool) -> bool:  # noqa: FBT001 - anyio.run takes none by name
    """Launch until stopped; gives whether everything in flight ended by itself."""
    async with stop_signals(settings.shutdown_grace_seconds) as stop:
        await _require_schema(settings.database_url)
        async with simulated_orchestrator(settings.database_url, options, scheduled=scheduled):
            log.info("launcher_started", targets=options.targets, consumer=options.consumer)
            await stop.wait()
        log.info("launcher_stopped", consumer=options.consumer)
    return not stop.forced


async def _require_schema(url: str) -> None:
    session = await connections.connect(url, role="start")
    try:
        await schema.require_schema(session)
    finally:
        await session.close()
