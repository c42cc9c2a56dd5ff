"""`runbell migrate`: bring the schema up to date, or print what that takes."""

from typing import Annotated

import anyio
import typer

from runbell.ops import schema
from runbell.ops.failures import explained
from runbell.ops.settings import read_settings


def migrate(
    *,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the whole script instead; needs no database.")] = False,
) -> None:
    """Create or update the schema `runbell`; touches nothing outside of it."""
    with explained():
        if sql:
            schema.print_script()
            return
        settings = read_settings(database_url=database_url)
        before, after = anyio.run(schema.migrate, settings.database_url)
        if before == after:
            typer.echo(f"nothing to do: the schema is at revision {after}")
        else:
            typer.echo(f"migrated from {before or 'nothing'} to revision {after}")
