"""The launcher beside a daemon: started when the daemon is, again when it fails, and drained with it."""

import anyio
import structlog

from runbell.core.errors import RunbellError
from runbell.launchers.options import LaunchOptions
from runbell.ops.launchers import launch_options, launcher
from runbell.ops.sentences import known_error
from runbell.ops.settings import Settings

AGAIN_SECONDS = 5.0

log = structlog.get_logger()


def launcher_beside(settings: Settings) -> "ServingLauncher | None":
    """The launcher that `serve` is to have, if any.

    Raises:
        SettingsError: there is no such target, or something that it needs was not given.
    """
    if not settings.launch:
        return None
    return ServingLauncher(settings.launch, settings, launch_options(settings.launch, settings))


class ServingLauncher:
    """Launches what is requested, until it is told to stop; nothing that goes wrong with it ends the daemon."""

    def __init__(self, target: str, settings: Settings, options: LaunchOptions) -> None:
        self._target = target
        self._settings = settings
        self._options = options
        self._may_start = anyio.Event()
        self._stop = anyio.Event()

    def start(self) -> None:
        """The schema is there and the sensors are deployed: there may be something to launch."""
        self._may_start.set()

    def stop(self) -> None:
        """End, when what is in flight has ended."""
        self._may_start.set()
        self._stop.set()

    async def run(self) -> None:
        """Wait for the start, then launch until the stop."""
        await self._may_start.wait()
        while not self._stop.is_set():
            try:
                await self._launch()
            except* Exception as errors:
                known: RunbellError | None = known_error(errors)
                log.error("launcher_failed", error=str(known or errors), exc_info=None if known else errors)
                with anyio.move_on_after(AGAIN_SECONDS):
                    await self._stop.wait()

    async def _launch(self) -> None:
        async with launcher(self._target, self._settings, self._options):
            log.info("launcher_started", targets=self._options.targets, consumer=self._options.consumer)
            await self._stop.wait()
        log.info("launcher_stopped", consumer=self._options.consumer)
