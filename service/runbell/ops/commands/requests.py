"""`runbell requests`: the run requests in the queue."""

from typing import Annotated

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import ask
from runbell.ops.failures import explained
from runbell.ops.tables import show_list
from runbell.store.requests import STATES, list_run_requests

COLUMNS = ("request_id", "state", "sensor_name", "job_name", "run_key", "run_id", "attempts", "error", "requested_at")

requests = typer.Typer(help="Show run requests.", no_args_is_help=True, pretty_exceptions_enable=False)


@requests.callback()
def _requests() -> None:
    """Show run requests."""


@requests.command("list")
def list_(
    *,
    state: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(STATES)}.")] = None,
    sensor: Annotated[str | None, typer.Option(help="Only those of this sensor.", metavar="NAME")] = None,
    limit: Annotated[int, typer.Option(help="So many, the newest.", min=1)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, every column.")] = False,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
) -> None:
    """List the newest requests."""
    with explained():
        if state is not None and state not in STATES:
            raise SettingsError(f"unknown state {state!r}: there are {', '.join(map(repr, STATES))}")
        rows = ask(
            database_url, lambda session: list_run_requests(session, state=state, sensor_name=sensor, limit=limit)
        )
        show_list(rows, COLUMNS, as_json=as_json, nothing="no requests")
