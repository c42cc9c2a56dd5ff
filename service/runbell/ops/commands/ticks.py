"""`runbell ticks NAME`: what a sensor has done."""

from typing import Annotated

import typer

from runbell.ops.asking import JsonArray, Limit, Url, UrlFile, ask, database_url_of
from runbell.ops.failures import explained
from runbell.ops.finding import find_sensor
from runbell.ops.tables import show_list
from runbell.store.connections import Session
from runbell.store.listings import Listed
from runbell.store.ticks import list_ticks

COLUMNS = (
    "tick_id",
    "settled_at",
    "first_event_id",
    "last_event_id",
    "requested",
    "acted",
    "skipped",
    "failed",
    "said",
)


def ticks(
    name: Annotated[str, typer.Argument(help="As `sensors list` shows it.", metavar="NAME")],
    *,
    limit: Limit = 100,
    as_json: JsonArray = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """List the newest ticks of a sensor: which events were settled together, and with what outcomes."""

    async def read(session: Session) -> list[Listed]:
        found = await list_ticks(session, name, limit)
        if not found:
            # Of one that is gone there may be ticks all the same.
            await find_sensor(session, name)
        return found

    with explained():
        rows = ask(database_url_of(database_url, database_url_file), read)
        show_list(rows, COLUMNS, as_json=as_json, nothing=f"no ticks: {name} has not settled anything yet")
