"""Finds the folders that travel with the package: the migrations and the example sensors."""

from pathlib import Path

from runbell.core.errors import SettingsError

PACKAGE = Path(__file__).resolve().parent.parent

# In a wheel they lie inside the package, in a checkout (also an editable install) at its top.
IN_WHEEL = {"migrations": "_migrations", "sensors": "_examples"}


def find_folder(name: str) -> Path:
    """Where the folder `migrations` or `sensors` lies, from a wheel as from a checkout, whatever folder is current.

    Raises:
        SettingsError: the installation is incomplete.

    Example:
        >>> find_folder("sensors").is_dir()
        True
    """
    for folder in (PACKAGE / IN_WHEEL[name], PACKAGE.parent.parent / name):
        if folder.is_dir():
            return folder
    raise SettingsError(f"the folder {name!r} that belongs to Runbell is missing beside {PACKAGE}: install it again")
