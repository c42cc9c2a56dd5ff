"""`runbell dead-letters`: evaluations that were given up."""

from typing import Annotated

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.failures import explained
from runbell.ops.tables import cell, show_list
from runbell.store.overview import list_dead_letters

COLUMNS = (
    "evaluation_id",
    "sensor_name",
    "event_id",
    "run_id",
    "job_name",
    "status",
    "attempts",
    "error",
    "updated_at",
)

dead_letters = typer.Typer(help="Show dead letters.", no_args_is_help=True, pretty_exceptions_enable=False)


@dead_letters.command("list")
def list_(
    *,
    sensor: Annotated[str | None, typer.Option(help="Only those of this sensor.", metavar="NAME")] = None,
    limit: Annotated[int, typer.Option(help="So many, the newest.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, every column.")] = False,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
) -> None:
    """List the newest dead letters."""
    with explained():
        rows = ask(database_url, lambda session: list_dead_letters(session, sensor_name=sensor, limit=limit))
        show_list(rows, COLUMNS, as_json=as_json, nothing="no dead letters")


@dead_letters.command("show")
def show(
    evaluation_id: Annotated[int, typer.Argument(help="As `dead-letters list` shows it.", metavar="ID")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
) -> None:
    """Show one dead letter with its whole error."""
    with explained():
        rows = ask(database_url, lambda session: list_dead_letters(session, evaluation_id=evaluation_id, limit=1))
        if not rows:
            raise SettingsError(f"there is no dead letter {evaluation_id}")
        if as_json:
            typer.echo(rows[0].document)
            return
        for name, value in rows[0].cells.items():
            if name != "error":
                typer.echo(f"{name:>14}  {cell(value)}")
        typer.echo(f"\n{rows[0].cells['error'] or ''}")
