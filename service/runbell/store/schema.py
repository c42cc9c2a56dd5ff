"""Reads how far the schema has been migrated. Migrating is the business of `ops/schema.py`."""

from runbell.core.errors import SchemaBehindError
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement

# "runbell" and "migrate" as numbers: nobody else's advisory lock.
MIGRATION_LOCK = 0x72756E62656C6C01


async def read_schema_revision(session: Session) -> str | None:
    """The revision that the schema stands at; None: it was never migrated."""
    try:
        with translated():
            revision: str | None = await session.fetchval(statement("read_schema_revision"))
    except SchemaBehindError:
        return None
    return revision


async def try_migration_lock(session: Session) -> bool:
    """Whether this session's transaction holds the lock of migrations now."""
    with translated():
        return bool(await session.fetchval(statement("try_migration_lock"), MIGRATION_LOCK))
