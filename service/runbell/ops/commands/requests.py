"""`runbell requests`: the run requests in the queue."""

from typing import Annotated

import typer

from runbell.core.errors import SettingsError
from runbell.ops.asking import All, JsonArray, Limit, OfSensor, Url, UrlFile, Yes, ask, database_url_of
from runbell.ops.failures import explained
from runbell.ops.requeueing import CANCEL, RETRY, ChosenRequests, change_requests
from runbell.ops.tables import show_list
from runbell.store.requests import STATES, list_run_requests

COLUMNS = ("request_id", "state", "sensor_name", "job_name", "run_key", "run_id", "attempts", "error", "requested_at")

requests = typer.Typer(
    help="Show run requests, and retry or cancel them.", no_args_is_help=True, pretty_exceptions_enable=False
)

Ids = Annotated[list[int] | None, typer.Argument(help="As `requests list` shows them.", metavar="ID...")]


@requests.command("list")
def list_(
    *,
    state: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(STATES)}.")] = None,
    sensor: OfSensor = None,
    limit: Limit = 100,
    as_json: JsonArray = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """List the newest requests."""
    with explained():
        if state is not None and state not in STATES:
            raise SettingsError(f"unknown state {state!r}: there are {', '.join(map(repr, STATES))}")
        rows = ask(
            database_url_of(database_url, database_url_file),
            lambda session: list_run_requests(session, state=state, sensor_name=sensor, limit=limit),
        )
        show_list(rows, COLUMNS, as_json=as_json, nothing="no requests")


@requests.command("retry")
def retry(
    request_ids: Ids = None,
    *,
    sensor: OfSensor = None,
    all_: All = False,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Put requests that have failed or were canceled back into the queue."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        change_requests(url, ChosenRequests(request_ids or (), sensor, all=all_), RETRY, yes=yes)


@requests.command("cancel")
def cancel(
    request_ids: Ids = None,
    *,
    sensor: OfSensor = None,
    all_: All = False,
    yes: Yes = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Take requests out of the queue before a launcher takes them; their run keys stay taken."""
    with explained():
        url = database_url_of(database_url, database_url_file)
        change_requests(url, ChosenRequests(request_ids or (), sensor, all=all_), CANCEL, yes=yes)
