"""Turns errors into what an operator sees: a sentence on stderr and an exit code.

0 done or drained, 1 a bug, 2 settings or sensors module, 3 schema not migrated, 4 database unreachable.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from runbell.ops.masking import mask
from runbell.ops.sentences import exit_code, known_error, sentence


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
        text = sentence(known) if known else "".join(traceback.format_exception(error)).rstrip()
        print(mask(text), file=sys.stderr)  # noqa: T201
        raise SystemExit(exit_code(known)) from None
