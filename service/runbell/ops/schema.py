"""Migrates the schema with Alembic, and tells how far it should be without it: `serve` never imports Alembic.

A migration is `migrations/versions/NNNN_name.py`, which runs the statements of `migrations/sql/NNNN_name/`: one file,
one statement, in the order of their names.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import anyio

from runbell.core.errors import SchemaBehindError, SettingsError, StoreUnavailableError
from runbell.ops.folders import find_folder
from runbell.store import connections, schema
from runbell.store.access import Access, find_missing_roles, grant_access

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection

# Nobody's deadline fits the building of an index on a big table. A lock that the orchestrator holds is another matter:
# its statements would queue up behind the one that waits here, so the time-out on locks stays.
PATIENT = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
LOCK_POLL_SECONDS = 0.1
# A database that starts beside this process gets so long to answer; past the limit of all attempts, exit code 4.
PATIENCE_SECONDS = 5.0
ATTEMPTS_SECONDS = 12.0
BETWEEN_ATTEMPTS_SECONDS = 0.5
# SQLSTATEs that pass by themselves: starting up or shutting down, too many connections.
PASSING = ("57P03", "57P01", "53300")


def head_revision() -> str:
    """The newest revision that this installation knows."""
    return max(path.name.partition("_")[0] for path in find_folder("migrations").glob("versions/[0-9]*_*.py"))


async def require_schema(session: connections.Session) -> None:
    """Refuse a schema older than this installation; a newer one is fine.

    Raises:
        SchemaBehindError: with what to do.
    """
    revision = await schema.read_schema_revision(session)
    if revision is None:
        raise SchemaBehindError("the database is not migrated: run `runbell migrate`")
    if revision < head_revision():
        raise SchemaBehindError(
            f"the database is at revision {revision}, this installation needs {head_revision()}: run `runbell migrate`"
        )


async def wait_for_schema(url: str) -> None:
    """Return once the database answers and is migrated.

    Raises:
        StoreUnavailableError: it does not answer, for a reason that waiting does not change, or for too long.
        SchemaBehindError: it is not migrated far enough.
    """
    session = None
    with anyio.move_on_after(ATTEMPTS_SECONDS):
        session = await _connect(url)
    if session is None:
        raise StoreUnavailableError(f"no answer within {ATTEMPTS_SECONDS:g} s")
    try:
        await require_schema(session)
    finally:
        await session.close()


async def _connect(url: str) -> connections.Connection:
    patience = anyio.current_time() + PATIENCE_SECONDS
    while True:
        try:
            return await connections.connect(url, role="start")
        except StoreUnavailableError as error:
            if anyio.current_time() > patience or not _may_pass(error):
                raise
        await anyio.sleep(BETWEEN_ATTEMPTS_SECONDS)


def _may_pass(error: StoreUnavailableError) -> bool:
    cause = error.__cause__
    return isinstance(cause, OSError) or getattr(cause, "sqlstate", None) in PASSING


async def migrate(url: str, access: Sequence[Access] = ()) -> tuple[str | None, str]:
    """Bring the schema up to date; gives the revisions before and after. A second migration waits for the first.

    Then each role in `access` is given its rights, on what is in the schema by now.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it refuses a statement, for lack of a privilege perhaps.
        SettingsError: names the roles that do not exist, before anything is done.
    """
    keeper = await connections.connect(url, role="migrate", idle_in_transaction_session_timeout="0")
    try:
        # A transaction's lock, in a transaction that does nothing else: behind a pooler a session's would stay there.
        async with keeper.transaction():
            # Asking again and again: a session that waits for a lock holds back vacuum in everyone's database.
            while not await schema.try_migration_lock(keeper):  # noqa: ASYNC110 - the fact is in the database
                await anyio.sleep(LOCK_POLL_SECONDS)
            return await _migrate(url, access)
    finally:
        await keeper.close()


async def _migrate(url: str, access: Sequence[Access]) -> tuple[str | None, str]:
    session = await connections.connect(url, role="migrate")
    try:
        await _require_roles(session, access)
        before = await schema.read_schema_revision(session)
        if before is None or before < head_revision():
            await _upgrade(url)
        for wanted in access:
            await grant_access(session, wanted)
        return before, await schema.read_schema_revision(session) or ""
    finally:
        await session.close()


async def _require_roles(session: connections.Session, access: Sequence[Access]) -> None:
    missing = await find_missing_roles(session, [wanted.role_name for wanted in access])
    if missing:
        raise SettingsError("\n".join(f"there is no role {name!r}: create it, or name another" for name in missing))


def print_script(output: TextIO | None = None) -> None:
    """Write the whole script, from an empty database to the newest revision; needs no database."""
    from alembic import command

    command.upgrade(_config(output or sys.stdout), "head", sql=True)


def run_folder(name: str) -> None:
    """Execute every statement of migrations/sql/<name>; for migrations, inside Alembic."""
    from alembic import op

    for path in sorted(find_folder("migrations").joinpath("sql", name).glob("*.sql")):
        run_statement(op.get_context(), f"{name}/{path.name}")
    run_statement(op.get_context(), "nobody_else.sql")


def run_statement(context: "MigrationContext", name: str) -> None:
    """Execute migrations/sql/<name>, or write it where a script is printed."""
    text = find_folder("migrations").joinpath("sql", name).read_text(encoding="utf-8").rstrip()
    connection = None if context.as_sql else context.connection
    if connection is None:
        context.impl.static_output(text + ";")
    else:
        # As it is: what looks like a parameter to SQLAlchemy, a colon say, is none.
        connection.exec_driver_sql(text)


async def _upgrade(url: str) -> None:
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    async def connect(*_: object, **__: object) -> Any:
        # Our own way to connect: every form of URL that the driver knows, and its errors in our words.
        return await connections.connect(url, role="migrate", command_seconds=None, **PATIENT)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade_on)
    except DBAPIError as error:
        raise SchemaBehindError(f"the database refuses to be migrated: {error.orig}") from error
    finally:
        await engine.dispose()


def _upgrade_on(connection: "Connection") -> None:
    from alembic import command

    config = _config(sys.stdout)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(output: TextIO) -> "Config":
    from alembic.config import Config

    config = Config(output_buffer=output, stdout=output)
    config.set_main_option("script_location", str(find_folder("migrations")).replace("%", "%%"))
    return config
