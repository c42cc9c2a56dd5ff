"""`runbell cursor`: where a sensor stands, and moving it by hand."""

from typing import Annotated

import msgspec
import typer

from runbell.ops.asking import Url, UrlFile, Yes, ask, database_url_of
from runbell.ops.confirming import confirmed
from runbell.ops.failures import explained
from runbell.ops.finding import find_sensor
from runbell.ops.moving import Move, moment_written, move, propose

cursor = typer.Typer(help="Show and move sensors' places.", no_args_is_help=True, pretty_exceptions_enable=False)

Name = Annotated[str, typer.Argument(help="As `sensors list` shows it.", metavar="SENSOR")]


@cursor.command("show")
def show(
    name: Name,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Show where a sensor stands, and what lies before it."""
    with explained():
        state = ask(database_url_of(database_url, database_url_file), lambda session: find_sensor(session, name))
        place = None if state.reader is None else state.reader.place
        shown = {
            "sensor_name": name,
            "position": None if place is None else str(place.position),
            "upper": None if place is None or place.upper is None else str(place.upper),
            "last_event_id": None if place is None or place.last is None else place.last.event_id,
            "lag_events": state.lag_events,
            "lag_seconds": round(state.lag_seconds, 3),
        }
        if as_json:
            typer.echo(msgspec.json.encode(shown))
        elif place is None:
            typer.echo(f"{name} has never been started: it gets what happens after `runbell sensors start {name}`")
        else:
            waits = f"{state.lag_events:,} events wait, the oldest for {state.lag_seconds:.1f} s"
            typer.echo(f"{name}: {waits if state.lag_events else 'nothing waits'}")
            typer.echo(f"  passed all that is visible in snapshot {place.position}")
            if place.upper is not None and place.last is not None:
                typer.echo(f"  and, of snapshot {place.upper}, all up to event {place.last.event_id}")


@cursor.command("set")
def set_(
    name: Name,
    where: Annotated[
        str, typer.Argument(help="now, beginning, the id of the last event to pass, or a time.", metavar="WHERE")
    ],
    *,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Move a sensor, also while daemons run.

    Forward it passes events over for ever. Backward it is called again; what it has requested already is not doubled.
    """
    with explained():
        url = database_url_of(database_url, database_url_file)
        moment = moment_written(where)
        proposed = ask(url, lambda session: propose(session, name, moment), patient=True)
        if confirmed(f"move {name} to {where}: it {_said(proposed)}", yes=yes):
            done = ask(url, lambda session: move(session, name, moment), patient=True)
            typer.echo(f"moved {name}: it {_said(done)}")


def _said(done: Move) -> str:
    parts = [
        f"passes over {done.passed:,} event{'' if done.passed == 1 else 's'}" if done.passed else "",
        f"brings back {done.brought_back:,} event{'' if done.brought_back == 1 else 's'}" if done.brought_back else "",
    ]
    return " and ".join(part for part in parts if part) or "passes over nothing and brings nothing back"
