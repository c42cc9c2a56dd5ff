"""Gives roles the rights that they need in the schema; which those are stands in the database, in `list_rights`."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.errors import SettingsError, StatementRefusedError
from runbell.store.connections import Session
from runbell.store.failures import translated
from runbell.store.statements import statement


@dataclass(frozen=True, slots=True)
class Access:
    """What a role is to be given: the rights of `service`, `recorder`, `launcher` or `reader`."""

    role_name: str
    purpose: str


async def find_missing_roles(session: Session, role_names: Sequence[str]) -> list[str]:
    """Those of the names that no role has."""
    with translated():
        rows = await session.fetch(statement("find_missing_roles"), list(role_names))
    return [row["role_name"] for row in rows]


async def grant_access(session: Session, access: Access) -> None:
    """Give a role its rights on everything that is in the schema now; repeatable.

    Raises:
        SettingsError: there is no such role, or this one may not grant.
        StoreUnavailableError: the database cannot be reached.
    """
    try:
        with translated():
            await session.execute(statement("grant_access"), access.role_name, access.purpose)
    except StatementRefusedError as error:
        raise SettingsError(str(error)) from error
