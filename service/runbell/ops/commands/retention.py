"""`runbell retention`: what the tables hold, and removing what is old now instead of little by little."""

import sys
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from runbell.core.retention import DAY_SECONDS, Retention
from runbell.engine.retention import sweep_all
from runbell.ops import logs
from runbell.ops.asking import Url, UrlFile, Yes, ask
from runbell.ops.confirming import confirmed
from runbell.ops.daemon_options import retention_of
from runbell.ops.failures import explained
from runbell.ops.settings import read_settings
from runbell.ops.tables import show_list
from runbell.store.connections import Session
from runbell.store.listings import Listed
from runbell.store.retention import find_holding_sensors, measure_tables

TABLE_COLUMNS = ("table_name", "rows", "dead_rows", "size", "oldest")
SENSOR_COLUMNS = ("sensor_name", "active", "expired_events", "event_id", "recorded_at")

retention = typer.Typer(
    help="Show what the tables hold, and remove what is old.", no_args_is_help=True, pretty_exceptions_enable=False
)
Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@retention.command("show")
def show(*, as_json: Json = False, database_url: Url = None, database_url_file: UrlFile = None) -> None:
    """Show how large the tables are, how long rows are kept, and which sensors hold older ones."""
    with explained():
        settings = read_settings(database_url=database_url, database_url_file=database_url_file)
        kept = retention_of(settings)

        async def look(session: Session) -> tuple[list[Listed], list[Listed]]:
            return await measure_tables(session), await find_holding_sensors(session, kept.events)

        tables, holding = ask(settings.database_url, look)
        if as_json:
            typer.echo(_json(kept, tables, holding))
            return
        show_list(tables, TABLE_COLUMNS, as_json=False, nothing="")
        typer.echo(f"\nkept: {_ages(kept)}")
        typer.echo(f"events that only stopped sensors have not passed: {_said(kept.held_age)}\n")
        show_list(holding, SENSOR_COLUMNS, as_json=False, nothing="no sensor holds older events")


@retention.command("run")
def run(
    *,
    yes: Yes = False,
    as_json: Json = False,
    database_url: Url = None,
    database_url_file: UrlFile = None,
) -> None:
    """Remove now what may go, at the pace of `serve`; beside it or without it."""
    with explained():
        settings = read_settings(database_url=database_url, database_url_file=database_url_file)
        # What is repeated is said beside the answer, which is all that stdout carries.
        logs.configure(settings.log_format, settings.log_level, sys.stderr.fileno())
        kept = retention_of(settings)
        what = f"{_ages(kept)}, events that only stopped sensors have not passed {_said(kept.held_age)}"
        if not confirmed(f"remove for ever what is older than it is kept: {what}", yes=yes):
            return
        removed = ask(settings.database_url, lambda session: sweep_all(session, kept))
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(removed), indent=2))
            return
        typer.echo("removed: " + ", ".join(f"{count} {kind}" for kind, count in removed.rows.items()))
        for sensor, events in sorted(removed.lost.items()):
            typer.echo(f"{sensor} is stopped and has lost {events} events")


def _ages(kept: Retention) -> str:
    ages = (("events and runs", kept.events), ("requests", kept.requests), ("ticks", kept.ticks))
    return ", ".join(f"{name} {_said(age)}" for name, age in ages)


def _said(seconds: float) -> str:
    return f"{seconds / DAY_SECONDS:g} days" if seconds else "for ever"


def _json(kept: Retention, tables: list[Listed], holding: list[Listed]) -> bytes:
    document = {
        "kept_seconds": asdict(kept),
        "tables": [msgspec.Raw(row.document.encode()) for row in tables],
        "holding": [msgspec.Raw(row.document.encode()) for row in holding],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
