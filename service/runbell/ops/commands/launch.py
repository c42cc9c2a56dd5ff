"""`runbell launch TARGET`: start the runs that are requested for a target, until a signal asks it to stop."""

from typing import Annotated, Any

import anyio
import structlog
import typer

from runbell.launchers.options import LaunchOptions
from runbell.ops import logs, schema
from runbell.ops.failures import explained
from runbell.ops.launchers import TARGETS, launch_options, launcher
from runbell.ops.settings import Settings, read_settings
from runbell.ops.signals import stop_signals
from runbell.store import connections

log = structlog.get_logger()


def _option(variable: str, what: str = "") -> Any:
    return typer.Option(help=f"{what} RUNBELL_{variable}".strip(), show_default=False, metavar="VALUE")


def launch(  # noqa: PLR0913 - each setting has its flag
    target: Annotated[str, typer.Argument(help=f"One of: {', '.join(TARGETS)}.", metavar="TARGET")],
    *,
    scheduled: Annotated[
        bool, typer.Option("--scheduled", help="The simulated orchestrator also starts runs by itself.")
    ] = False,
    source: Annotated[str | None, _option("LAUNCH_SOURCE", "The source's name, if it is not the target's.")] = None,
    concurrent: Annotated[str | None, _option("LAUNCH_CONCURRENT", "Launches at once.")] = None,
    max_in_progress: Annotated[str | None, _option("LAUNCH_MAX_IN_PROGRESS", "Launched and not ended.")] = None,
    dagster_url: Annotated[str | None, _option("DAGSTER_URL")] = None,
    dagster_headers: Annotated[str | None, _option("DAGSTER_HEADERS")] = None,
    dagster_headers_file: Annotated[str | None, _option("DAGSTER_HEADERS_FILE")] = None,
    dagster_answer_seconds: Annotated[str | None, _option("DAGSTER_ANSWER_SECONDS")] = None,
    database_url: Annotated[str | None, _option("DATABASE_URL")] = None,
    log_format: Annotated[str | None, _option("LOG_FORMAT")] = None,
    log_level: Annotated[str | None, _option("LOG_LEVEL")] = None,
    shutdown_grace_seconds: Annotated[str | None, _option("SHUTDOWN_GRACE_SECONDS")] = None,
) -> None:
    """Start the requested runs of a target."""
    with explained():
        settings = read_settings(
            launch_source=source,
            launch_concurrent=concurrent,
            launch_max_in_progress=max_in_progress,
            dagster_url=dagster_url,
            dagster_headers=dagster_headers,
            dagster_headers_file=dagster_headers_file,
            dagster_answer_seconds=dagster_answer_seconds,
            database_url=database_url,
            log_format=log_format,
            log_level=log_level,
            shutdown_grace_seconds=shutdown_grace_seconds,
        )
        options = launch_options(target, settings)
        logs.configure(settings.log_format, settings.log_level, logs.keep_stdout())
        drained = anyio.run(_launch, target, settings, options, scheduled, backend_options={"use_uvloop": True})
    raise typer.Exit(0 if drained else 1)


async def _launch(target: str, settings: Settings, options: LaunchOptions, scheduled: bool) -> bool:  # noqa: FBT001 - anyio.run takes none by name
    """Launch until stopped; gives whether everything in flight ended by itself."""
    async with stop_signals(settings.shutdown_grace_seconds) as stop:
        await _require_schema(settings.database_url)
        async with launcher(target, settings, options, scheduled=scheduled):
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
