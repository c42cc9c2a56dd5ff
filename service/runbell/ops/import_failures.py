"""Says in one sentence why a module could not be imported: what, and at which line."""

import traceback
from pathlib import Path

from runbell.core.errors import DefinitionError
from runbell.core.text import storable

MAX_BYTES = 1_000
TWO_WAYS = "name one with --sensors or RUNBELL_SENSORS (a module, or a file or folder)"


def sentence_of(error: BaseException, *, wanted: str, place: str, root: Path) -> str:
    """The sentence.

    Args:
        error: what the import raised.
        wanted: the module that was to be imported.
        place: how the operator knows it.
        root: the folder that it comes from; lines outside of it say nothing to its author.

    Example:
        >>> sentence_of(SystemExit(3), wanted="sensors", place="sensors.py", root=Path("/srv"))
        'sensors.py ends the process while it is imported (SystemExit: 3): a sensors module only declares'
    """
    if isinstance(error, ModuleNotFoundError) and error.name and _is_within(error.name, wanted):
        return f"there is no module {error.name!r} in {root} or among the installed packages: {TWO_WAYS}"
    at = _line(error, root)
    if isinstance(error, DefinitionError):
        return f"{error}{at}"
    said = storable(f"{type(error).__name__}: {_text(error)}", MAX_BYTES)
    if isinstance(error, SyntaxError):
        return f"{error.filename or place}:{error.lineno or '?'} is not valid Python: {error.msg}"
    if isinstance(error, ModuleNotFoundError):
        return f"{place} needs the package {error.name!r}, which is not installed{at}"
    if isinstance(error, SystemExit | KeyboardInterrupt):
        return f"{place} ends the process while it is imported ({said}){at}: a sensors module only declares"
    return f"{place} cannot be imported: {said}{at}"


def _is_within(missing: str, wanted: str) -> bool:
    """Is it the wanted module itself, or a package that it should lie in?"""
    return wanted == missing or wanted.startswith(f"{missing}.")


def _line(error: BaseException, root: Path) -> str:
    """The innermost line below the root."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - somebody else's exception may not even be shown
        return "it cannot be shown"
