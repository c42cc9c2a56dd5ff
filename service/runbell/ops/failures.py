"""Turns errors into what an operator sees: a sentence on stderr and an exit code.

0 done or drained, 1 a bug, 2 settings or sensors module, 3 schema not migrated, 4 database unreachable.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from runbell.core.errors import (
    DefinitionError,
    LoadingError,
    RunbellError,
    SchemaBehindError,
    SettingsError,
    StoreUnavailableError,
    WrongServerError,
)
from runbell.ops.masking import mask

EXIT_CODES: dict[type[RunbellError], int] = {
    SettingsError: 2,
    LoadingError: 2,
    DefinitionError: 2,
    SchemaBehindError: 3,
    StoreUnavailableError: 4,
    WrongServerError: 4,
}
BUG = 1


@contextmanager
def explained() -> Iterator[None]:
    """Ends the process with the exit code of what goes wrong in the body, having said what it was.

    Example:
        with explained():
            settings = read_settings()
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        # The command line's own ways to end.
        raise
    except Exception as error:  # noqa: BLE001 - the outermost edge, where a bug is shown and becomes an exit code
        known = known_error(error)
        text = _explain(known) if known else "".join(traceback.format_exception(error)).rstrip()
        print(mask(text), file=sys.stderr)  # noqa: T201
        raise SystemExit(exit_code(known)) from None


def known_error(error: BaseException) -> RunbellError | None:
    """The error itself, or the first in its groups, that Runbell can explain; None: there is also a bug."""
    if isinstance(error, BaseExceptionGroup):
        found = [known_error(inner) for inner in error.exceptions]
        return found[0] if all(found) else None
    return error if isinstance(error, RunbellError) else None


def exit_code(error: RunbellError | None) -> int:
    """The exit code that stands for this error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), BUG)


def _explain(error: RunbellError) -> str:
    first, *others = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, StoreUnavailableError):
        # Resolvers and drivers can be long-winded: one reason is enough.
        first, others = f"the database cannot be reached: {first}", others[:2]
    return "\n         ".join([f"runbell: {first}", *others])
