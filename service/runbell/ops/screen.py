"""Draws how everything stands on one screen: what needs a look first."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runbell.core.stalls import Stall
from runbell.ops.overview import Overview
from runbell.ops.tables import tabled
from runbell.store.listings import Listed
from runbell.store.overview import SensorState

SENSOR_HEADINGS = (
    "sensor_name",
    "state",
    "lag_seconds",
    "lag_events",
    "retrying",
    "dead",
    "last_outcome",
    "last_evaluated_at",
    "note",
)
DAEMON_COLUMNS = ("hostname", "pid", "role", "leases", "module", "code_location", "notified", "seen_seconds_ago")
NO_SENSORS = "no sensors: none has been deployed by `runbell serve` yet"


def drawn(overview: Overview, limit: int) -> Group:
    """The screen, with so many sensors at most."""
    return Group(
        Text(_headline(overview)),
        *_stalls(overview.stalls),
        Text(),
        *_sensors(overview, limit),
        Text(),
        Text("requests: " + ", ".join(f"{count} {state}" for state, count in overview.requests.items())),
        Text(),
        _daemons(overview.daemons),
    )


def _headline(overview: Overview) -> str:
    server = overview.server
    bell = f"{server.asleep} asleep" if server.asleep else "nobody asleep"
    queue = f", notifications {server.queue_usage:.0%} full" if server.queue_usage >= 0.01 else ""
    return (
        f"database {server.database_name}, PostgreSQL {server.version.split()[0]}, {server.connections} of"
        f" {server.max_connections} connections; bell: {bell}{queue}; read in {overview.took_ms:.0f} ms"
    )


def _stalls(stalls: Sequence[Stall]) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for stall in stalls:
        lines.append(Text.assemble("\n", (f"! {stall.sentence}", "bold red")))
        lines.append(Text(f"  {stall.remedy}"))
    return lines


def _sensors(overview: Overview, limit: int) -> list[RenderableType]:
    if not overview.sensors:
        return [Text(NO_SENSORS)]
    stalled = {stall.sensor_name: stall.cause.replace("_", " ") for stall in overview.stalls if stall.sensor_name}
    ordered = sorted(overview.sensors, key=lambda one: _urgency(one, stalled=one.sensor_name in stalled))
    table = tabled([_row(one, stalled.get(one.sensor_name)) for one in ordered[:limit]], SENSOR_HEADINGS)
    rest = len(ordered) - limit
    return [table, Text(f"and {rest} more: --limit {len(ordered)}")] if rest > 0 else [table]


def _urgency(sensor: SensorState, *, stalled: bool) -> tuple[object, ...]:
    troubled = stalled or sensor.dead or sensor.retrying or sensor.orphaned
    return (not stalled, not troubled, -sensor.lag_seconds if sensor.active else 0, sensor.sensor_name)


def _row(sensor: SensorState, cause: str | None) -> list[object]:
    state = sensor.state if sensor.state != "declared" else ("running" if sensor.active else "stopped")
    notes = [
        cause,
        "orphaned" if sensor.orphaned else None,
        "apart" if sensor.apart else None,
        "never started" if sensor.reader is None else None,
    ]
    evaluated = sensor.last_evaluated_at
    return [
        sensor.sensor_name,
        state,
        sensor.lag_seconds,
        sensor.lag_events,
        sensor.retrying,
        sensor.dead,
        sensor.last_outcome,
        None if evaluated is None else evaluated[:19].replace("T", " "),
        ", ".join(note for note in notes if note),
    ]


def _daemons(daemons: Sequence[Listed]) -> Table | Text:
    if not daemons:
        return Text("no daemon is running")
    return tabled([[daemon.cells[column] for column in DAEMON_COLUMNS] for daemon in daemons], DAEMON_COLUMNS)
