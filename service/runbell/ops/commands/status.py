"""`runbell status`: sensors and how far behind they are, requests, daemons; needs no running daemon."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
import typer

from runbell.ops.asking import ask
from runbell.ops.failures import explained
from runbell.ops.tables import show_list, show_table
from runbell.store.connections import Session
from runbell.store.listings import Listed
from runbell.store.overview import SensorState, count_run_requests, list_daemons, read_sensor_states

SENSOR_COLUMNS = (
    "sensor_name",
    "state",
    "orphaned",
    "lag_seconds",
    "lag_events",
    "retrying",
    "dead",
    "last_outcome",
    "last_evaluated_at",
)
DAEMON_COLUMNS = ("hostname", "pid", "role", "leases", "module", "code_location", "seen_seconds_ago")


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands."""

    sensors: list[SensorState]
    requests: dict[str, int]
    daemons: list[Listed]


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    database_url: Annotated[str | None, typer.Option(help="RUNBELL_DATABASE_URL", metavar="VALUE")] = None,
) -> None:
    """Show sensors, requests and daemons at a glance."""
    with explained():
        overview = ask(database_url, _look)
        if as_json:
            typer.echo(_json(overview))
        else:
            _show(overview)


async def _look(session: Session) -> Overview:
    return Overview(await read_sensor_states(session), await count_run_requests(session), await list_daemons(session))


def _json(overview: Overview) -> bytes:
    document = {
        "sensors": [
            {column: getattr(sensor, column) for column in SENSOR_COLUMNS}
            | {"lag_seconds": round(sensor.lag_seconds, 3)}
            for sensor in overview.sensors
        ],
        "requests": overview.requests,
        "daemons": [msgspec.Raw(daemon.document.encode()) for daemon in overview.daemons],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def _show(overview: Overview) -> None:
    if overview.sensors:
        show_table(
            [[getattr(sensor, column) for column in SENSOR_COLUMNS] for sensor in overview.sensors], SENSOR_COLUMNS
        )
    else:
        typer.echo("no sensors: none has been deployed by `runbell serve` yet")
    counts = ", ".join(f"{count} {state}" for state, count in overview.requests.items())
    typer.echo(f"\nrequests: {counts}\n")
    show_list(overview.daemons, DAEMON_COLUMNS, as_json=False, nothing="no daemon is running")
