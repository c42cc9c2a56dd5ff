"""What an operator is told of an error: a sentence, and the exit code that stands for it.

0 done or drained, 1 a bug, 2 settings or sensors module, 3 schema not migrated, 4 database unreachable.
"""

from runbell.core.errors import (
    DefinitionError,
    LoadingError,
    RunbellError,
    SchemaBehindError,
    SettingsError,
    StoreUnavailableError,
    WrongServerError,
)

EXIT_CODES: dict[type[RunbellError], int] = {
    SettingsError: 2,
    LoadingError: 2,
    DefinitionError: 2,
    SchemaBehindError: 3,
    StoreUnavailableError: 4,
    WrongServerError: 4,
}
BUG = 1


def known_error(error: BaseException) -> RunbellError | None:
    """The error itself, or the first in its groups, that Runbell can explain; None: there is also a bug."""
    if isinstance(error, BaseExceptionGroup):
        found = [known_error(inner) for inner in error.exceptions]
        return found[0] if all(found) else None
    return error if isinstance(error, RunbellError) else None


def exit_code(error: RunbellError | None) -> int:
    """The exit code that stands for this error."""
    return next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), BUG)


def sentence(error: RunbellError) -> str:
    """What stderr says of this error, in at most three lines where it is the database's."""
    first, *others = str(error).splitlines() or [type(error).__name__]
    if isinstance(error, StoreUnavailableError):
        # Resolvers and drivers can be long-winded: one reason is enough.
        first, others = f"the database cannot be reached: {first}", others[:2]
    return "\n         ".join([f"runbell: {first}", *others])
