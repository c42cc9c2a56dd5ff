"""Translates the driver's errors, once: unreachable, refused, or somebody's bug (left as it is)."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from runbell.core.errors import (
    SchemaBehindError,
    StatementAbortedError,
    StatementRefusedError,
    StoreUnavailableError,
)

# Classes of SQLSTATE after which the same values may well be accepted: lost connections, resources, operator
# intervention, rolled back transactions, time-outs, read-only servers.
UNAVAILABLE = ("08", "25", "53", "55", "57", "58", "40", "XX")
# Rolled back by the server, so certainly without effect: serialization, deadlock, lock and statement time-outs, disk.
ABORTED = ("40001", "40P01", "55P03", "57014", "53100", "53200")
# Classes that blame the values: another try with the same ones is refused again. P0: somebody's own trigger raises.
REFUSED = ("21", "22", "23", "54", "P0")
# Null where none may be, a check, a check of a view, no partition.
SHOWING_ROWS = ("23502", "23514", "44000")


@contextmanager
def translated() -> Iterator[None]:
    """Turns driver errors into StoreUnavailableError, StatementRefusedError or SchemaBehindError."""
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError) as error:
        raise SchemaBehindError(f"the database is not migrated ({error}): run `runbell migrate`") from error
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise StoreUnavailableError(str(error)) from error
    except asyncpg.PostgresError as error:
        raise _meaning_of(error) from error
    except (asyncpg.DataError, asyncpg.exceptions.ProtocolError) as error:
        raise StatementRefusedError(str(error)) from error
    except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise StoreUnavailableError(str(error) or type(error).__name__) from error


def _meaning_of(error: asyncpg.PostgresError) -> Exception:
    code = str(getattr(error, "sqlstate", "") or "")
    if code.startswith(REFUSED):
        # The details of these classes show the whole row, also what nobody should read in a log.
        return StatementRefusedError(str(error.args[0]) if code in SHOWING_ROWS else str(error))
    if code in ABORTED:
        return StatementAbortedError(str(error))
    if code.startswith((*UNAVAILABLE, "28", "3D", "42501")):
        return StoreUnavailableError(str(error))
    return error
