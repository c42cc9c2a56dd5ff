"""Says when the sensors are to be loaded anew: on SIGHUP, and with `--reload` when a file of theirs changes."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from runbell.core.errors import SettingsError
from runbell.ops.loading import place_of_sensors


@contextmanager
def reload_on_signal(reload: Callable[[], None]) -> Iterator[None]:
    """SIGHUP calls `reload` in the body, unless whoever started this process had it ignored (nohup)."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        # One that comes late must not end what is just ending in order.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def watched_folder(sensors: str | None) -> Path:
    """The folder that the module is imported from: what it imports from beside it is watched too.

    Raises:
        LoadingError: there is no such module.
        SettingsError: what watches files is not installed.
    """
    if find_spec("watchfiles") is None:
        raise SettingsError("--reload needs the package watchfiles: pip install 'runbell[reload]'")
    return place_of_sensors(sensors).root


async def reload_on_changes(folder: Path, reload: Callable[[], None]) -> None:
    """Call `reload` whenever a Python file below the folder has changed, for ever."""
    from watchfiles import PythonFilter, awatch

    async for _ in awatch(folder, watch_filter=PythonFilter()):
        reload()
