"""How everything stands, read at once: sensors, requests, daemons, the server, and why what does not move does not."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from runbell.core.stalls import Stall, explain
from runbell.store.connections import Session
from runbell.store.listings import Listed
from runbell.store.overview import DaemonState, SensorState, count_run_requests, list_daemons, read_sensor_states
from runbell.store.stalls import ServerFacts, read_facts, read_server_facts

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


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands.

    Attributes:
        stalls: what does not move, and why.
        took_ms: how long all this took to be read.
    """

    sensors: list[SensorState]
    requests: dict[str, int]
    daemons: list[Listed]
    server: ServerFacts
    stalls: list[Stall]
    took_ms: float

    def document(self) -> dict[str, Any]:
        """As `runbell status --json` shows it."""
        return {
            "sensors": [
                {column: getattr(sensor, column) for column in SENSOR_COLUMNS}
                | {"lag_seconds": round(sensor.lag_seconds, 3)}
                for sensor in self.sensors
            ],
            "requests": self.requests,
            "daemons": [msgspec.Raw(daemon.document.encode()) for daemon in self.daemons],
            "stalls": self.stalls,
            "database": self.server,
        }


async def read_overview(session: Session) -> Overview:
    """Read it; needs no daemon.

    Raises:
        StoreUnavailableError: the database cannot be reached.
        SchemaBehindError: it is not migrated.

    Example:
        overview = ask(settings.database_url, read_overview)
    """
    began = time.perf_counter()
    sensors = await read_sensor_states(session)
    daemons = await list_daemons(session)
    server = await read_server_facts(session)
    facts = await read_facts(session, sensors, [DaemonState.of(daemon) for daemon in daemons], server)
    requests = await count_run_requests(session)
    took_ms = (time.perf_counter() - began) * 1000
    return Overview(sensors, requests, daemons, server, explain(facts), took_ms)
