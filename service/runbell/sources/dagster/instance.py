"""The DagsterInstance of this process: that of DAGSTER_HOME, made by the first who needs it and shared by all.

Its calls are synchronous and wait for a database: they belong into threads, never onto the event loop.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from runbell.core.errors import SettingsError

if TYPE_CHECKING:
    from dagster import DagsterInstance

REMEDY = "set it to the folder that holds the dagster.yaml of the Dagster whose runs these are"


@dataclass(slots=True)
class SharedInstance:
    """Made once, whoever asks first, also from several threads at once.

    Example:
        >>> SharedInstance().made is None
        True
    """

    made: "DagsterInstance | None" = None
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> "DagsterInstance":
        """The instance.

        Raises:
            SettingsError: DAGSTER_HOME is missing or no folder.
        """
        with self._lock:
            if self.made is None:
                refuse_without_home()
                from dagster import DagsterInstance

                self.made = DagsterInstance.get()
            return self.made


def home() -> str | None:
    """What DAGSTER_HOME says; None: nothing.

    Example:
        >>> home() is None or isinstance(home(), str)
        True
    """
    return os.environ.get("DAGSTER_HOME") or None


def refuse_without_home() -> None:
    """Dagster keeps its settings in the folder of DAGSTER_HOME; without it there is no instance.

    Raises:
        SettingsError: says what is wrong with it.
    """
    given = home()
    if given is None:
        raise SettingsError(f"DAGSTER_HOME is not set: {REMEDY}")
    path = Path(given).expanduser()
    if not path.is_absolute() or not path.is_dir():
        raise SettingsError(f"DAGSTER_HOME is {given!r}, which is no absolute path of a folder: {REMEDY}")


SHARED = SharedInstance()


def make_ready() -> None:
    """Make the instance now: it takes a second, which the first event would wait for.

    A database that is away is no mistake of the operator's: the instance is made when it is needed then.

    Raises:
        SettingsError: DAGSTER_HOME is missing or no folder, or what its dagster.yaml says is refused by Dagster.
    """
    try:
        SHARED.get()
    except SettingsError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith("dagster.") and not isinstance(error, ImportError):
            return
        first = next(iter(str(error).splitlines()), "")
        raise SettingsError(
            f"DAGSTER_HOME is {home()!r}, and Dagster cannot use what stands there: {type(error).__name__}: {first}"
        ) from error
