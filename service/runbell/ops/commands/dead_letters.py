"""`runbell dead-letters`: evaluations that were given up."""

from typing import Annotated

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import All, JsonArray, Limit, OfSensor, Url, UrlFile, Yes, ask, database_url_of
from runbell.ops.dead_letters import DROP, RETRY, Chosen, age_of, put_an_end
from runbell.ops.failures import explained
from runbell.ops.tables import show_list
from runbell.store.dead_letters import list_dead_letters

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
# Shown below the others, whole.
LONG = {"run_error": "the run's error", "error": "error"}

dead_letters = typer.Typer(
    help="Show dead letters, and put an end to them.", no_args_is_help=True, pretty_exceptions_enable=False
)

Ids = Annotated[list[int] | None, typer.Argument(help="As `dead-letters list` shows them.", metavar="ID...")]
OlderThan = Annotated[
    str | None, typer.Option(help="Those that were given up so long ago: 90s, 15m, 36h, 2d, 1w.", metavar="AGE")
]


@dead_letters.command("list")
def list_(
    *,
    sensor: OfSensor = None,
    older_than: OlderThan = None,
    limit: Limit = 100,
    as_json: JsonArray = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """List the newest dead letters."""
    with explained():
        age = age_of(older_than)
        rows = ask(
            database_url_of(database_url, database_url_file),
            lambda session: list_dead_letters(session, sensor_name=sensor, older_than=age, limit=limit),
        )
        show_list(rows, COLUMNS, as_json=as_json, nothing="no dead letters")


@dead_letters.command("show")
def show(
    evaluation_id: Annotated[int, typer.Argument(help="As `dead-letters list` shows it.", metavar="ID")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Show one dead letter in full, with its error and its event."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        rows = ask(url, lambda session: list_dead_letters(session, evaluation_id=evaluation_id, limit=1))
        if not rows:
            raise SettingsError(f"there is no dead letter {evaluation_id}")
        if as_json:
            typer.echo(rows[0].document)
            return
        for name, value in rows[0].cells.items():
            if name not in LONG and value is not None:
                typer.echo(f"{name:>14}  {value}")
        for name, heading in LONG.items():
            if rows[0].cells[name]:
                typer.echo(f"\n{heading}:\n{rows[0].cells[name]}")


@dead_letters.command("retry")
def retry(
    evaluation_ids: Ids = None,
    *,
    sensor: OfSensor = None,
    older_than: OlderThan = None,
    all_: All = False,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Call the sensors again for these events, now; their attempts count from the beginning."""
    with explained():
        chosen = Chosen(evaluation_ids or (), sensor, age_of(older_than), all_)
        put_an_end(database_url_of(database_url, database_url_file), chosen, RETRY, yes=yes)


@dead_letters.command("drop")
def drop(
    evaluation_ids: Ids = None,
    *,
    sensor: OfSensor = None,
    older_than: OlderThan = None,
    all_: All = False,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Remove dead letters for ever: their events are not evaluated again."""
    with explained():
        chosen = Chosen(evaluation_ids or (), sensor, age_of(older_than), all_)
        put_an_end(database_url_of(database_url, database_url_file), chosen, DROP, yes=yes)
