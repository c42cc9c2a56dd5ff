"""`runbell serve`: supervises the daemon's workers in the foreground, until a signal asks it to stop."""

import os
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from inspect import Parameter, Signature
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
from runbell.ops.notices import notices_of
from runbell.ops.reloading import reload_on_changes, reload_on_signal, watched_folder
from runbell.ops.serving_launcher import ServingLauncher, launcher_beside
from runbell.ops.settings import Settings, read_settings, unknown_variables
from runbell.ops.signals import StopSignals, stop_signals
from runbell.ops.standing import StandingReader
from runbell.ops.telling import Teller

log = structlog.get_logger()
# With the module path of this process less the current folder: a file there must not stand in for a library.
WORKER = (sys.executable, "-P", "-m", "runbell.ops.worker")


def _option(variable: str) -> Any:
    return typer.Option(help=f"RUNBELL_{variable}", show_default=False, metavar="VALUE")


def serve(**flags: Any) -> None:
    """Answer run status changes until told to stop. SIGHUP: load the sensors anew."""
    reload = bool(flags.pop("reload"))
    with explained():
        served = _serve(read_settings(**{**flags, "shadow": flags["shadow"] or None}), reload=reload)
    served.say_end()
    raise typer.Exit(served.code)


SWITCHES = {
    "shadow": "RUNBELL_SHADOW: say what would be evaluated, and call nothing.",
    "reload": "Load the sensors anew when their files change.",
}
# Each setting has its flag. Text, whatever the setting is: so that all bad values are reported together, wherever they
# come from.
FLAGS = {name: Annotated[str | None, _option(name.upper())] for name in Settings.model_fields if name not in SWITCHES}
serve.__signature__ = Signature(  # type: ignore[attr-defined]
    [
        *(Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=flag) for name, flag in FLAGS.items()),
        *(
            Parameter(
                name,
                Parameter.KEYWORD_ONLY,
                default=False,
                annotation=Annotated[bool, typer.Option(f"--{name}", help=said)],
            )
            for name, said in SWITCHES.items()
        ),
    ]
)


def _serve(settings: Settings, *, reload: bool) -> "Served":
    watched = watched_folder(settings.sensors) if reload else None
    heartbeat_url = check_heartbeat_url(settings.heartbeat_url)
    beside = Beside(notices_of(settings), console_of(settings), launcher_beside(settings), watched, heartbeat_url)
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
    """What runs beside the supervisor: who is told of trouble, the pages, the launcher of `--launch`, what watches
    the files of the sensors' module for `--reload`, and the dead man's switch."""

    notices: Sequence[Teller]
    console: Console
    launcher: ServingLauncher | None
    watched: Path | None
    heartbeat_url: str | None = field(repr=False)


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
        self._heartbeat_url = beside.heartbeat_url
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
            if self._heartbeat_url:
                interval = self._settings.heartbeat_interval_seconds
                alive = DeadMan(self._heartbeat_url, interval, lambda: self._why_not_ready(stop) is None)
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
