"""`runbell sensors`: the sensors that a daemon has deployed."""

from typing import Annotated

import typer

from runbell.ops.asking import ask
from runbell.ops.failures import explained
from runbell.ops.tables import show_list
from runbell.store.overview import list_sensors

COLUMNS = (
    "sensor_name",
    "state",
    "active",
    "orphaned",
    "module",
    "retrying",
    "dead",
    "last_outcome",
    "last_evaluated_at",
)

sensors = typer.Typer(help="Show sensors.", no_args_is_help=True, pretty_exceptions_enable=False)


@sensors.callback()
def _sensors() -> None:
    """Show sensors."""


@sensors.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(help="So many.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, every column.")] = False,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
) -> None:
    """List sensors by name, whether their daemon runs or not."""
    with explained():
        rows = ask(database_url, lambda session: list_sensors(session, limit))
        show_list(rows, COLUMNS, as_json=as_json, nothing="no sensors: none has been deployed by `runbell serve` yet")
