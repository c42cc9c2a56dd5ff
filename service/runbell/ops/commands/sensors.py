"""`runbell sensors`: the sensors that a daemon has deployed; what they watch, and whether they run."""

from typing import Annotated

import typer

from runbell.ops.asking import JsonArray, Url, UrlFile, ask, database_url_of
from runbell.ops.failures import explained
from runbell.ops.finding import find_sensors
from runbell.ops.sensor_page import read_sensor_page
from runbell.ops.tables import show_list
from runbell.store.connections import Session
from runbell.store.overview import list_sensors
from runbell.store.sensors import ChangedState, change_sensor_states

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

sensors = typer.Typer(help="Show, start and stop sensors.", no_args_is_help=True, pretty_exceptions_enable=False)

Names = Annotated[list[str], typer.Argument(help="As `sensors list` shows them.", metavar="NAME...")]


@sensors.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(help="So many.", min=1)] = 100,
    as_json: JsonArray = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """List sensors by name, whether their daemon runs or not."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        rows = ask(url, lambda session: list_sensors(session, limit))
        show_list(rows, COLUMNS, as_json=as_json, nothing="no sensors: none has been deployed by `runbell serve` yet")


@sensors.command("show")
def show(
    name: Annotated[str, typer.Argument(help="As `sensors list` shows it.", metavar="NAME")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, every column.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Show one sensor: what it watches, who evaluates it, how far it is behind, what it did last."""
    with explained():
        page = ask(database_url_of(database_url, database_url_file), lambda session: read_sensor_page(session, name))
        typer.echo(page.shown.document if as_json else page.text())


@sensors.command("start")
def start(names: Names, *, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Have sensors run, whatever their code says, on all daemons and over restarts.

    One that was stopped gets what happened meanwhile; one that has never run gets what happens from now on.
    """
    with explained():
        _change(database_url_of(database_url, database_url_file), names, "running")


@sensors.command("stop")
def stop(names: Names, *, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Have sensors stop, on all daemons and over restarts; their events wait for them."""
    with explained():
        _change(database_url_of(database_url, database_url_file), names, "stopped")


@sensors.command("release")
def release(names: Names, *, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Have sensors run or not as their code and the settings say."""
    with explained():
        _change(database_url_of(database_url, database_url_file), names, "declared")


def _change(url: str, names: list[str], state: str) -> None:
    async def change(session: Session) -> list[ChangedState]:
        # All of them or none: a name that is wrong changes nothing.
        return await change_sensor_states(
            session, {one.sensor_name for one in await find_sensors(session, names)}, state
        )

    for changed in ask(url, change):
        comes_to = "runs" if changed.active else "is stopped"
        same = " as before" if changed.active == changed.was_active else ""
        whose = ", as its code and the settings say" if state == "declared" else ""
        typer.echo(f"{changed.sensor_name} {comes_to}{same}{whose}")
