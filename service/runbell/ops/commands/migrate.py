"""`runbell migrate`: bring the schema up to date, and give roles their rights in it; or print what that takes."""

from typing import Annotated

import anyio
import typer

from runbell.core.errors import SettingsError
from runbell.ops import schema
from runbell.ops.asking import Url, UrlFile, database_url_of
from runbell.ops.failures import explained
from runbell.store.access import Access

SERVICE_HELP = "What `serve` and the operator's commands need; repeatable, as are those below."
Roles = list[str] | None


def migrate(
    *,
    database_url: Url = None,
    database_url_file: UrlFile = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the whole script instead; needs no database.")] = False,
    grant_to: Annotated[Roles, typer.Option(help=SERVICE_HELP, metavar="ROLE")] = None,
    grant_recorder_to: Annotated[Roles, typer.Option(help="Only recording status changes.", metavar="ROLE")] = None,
    grant_launcher_to: Annotated[Roles, typer.Option(help="Only taking run requests.", metavar="ROLE")] = None,
    grant_reader_to: Annotated[Roles, typer.Option(help="Only reading.", metavar="ROLE")] = None,
) -> None:
    """Create or update the schema `runbell`; touches nothing outside of it."""
    given = {
        "service": grant_to,
        "recorder": grant_recorder_to,
        "launcher": grant_launcher_to,
        "reader": grant_reader_to,
    }
    access = [Access(role, purpose) for purpose, roles in given.items() for role in roles or ()]
    with explained():
        if sql:
            _print_script(access)
            return
        url = database_url_of(database_url, database_url_file)
        before, after = anyio.run(schema.migrate, url, access)
        if before == after:
            typer.echo(f"nothing to do: the schema is at revision {after}")
        else:
            typer.echo(f"migrated from {before or 'nothing'} to revision {after}")
        for wanted in access:
            typer.echo(f"granted to {wanted.role_name}: what a {wanted.purpose} needs")


def _print_script(access: list[Access]) -> None:
    if access:
        raise SettingsError(
            "--sql prints a script for any database, whose roles it cannot know: after it, run"
            " SELECT runbell.grant_access('ROLE', 'service') there, or 'recorder', 'launcher', 'reader'"
        )
    schema.print_script()
