"""Starts the first job of the simulated chain every few seconds, each time for a partition of its own."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import uuid4

import anyio

from runbell.core.errors import StoreUnavailableError
from runbell.launchers.simulated.jobs import EXTRACT_ORDERS
from runbell.launchers.simulated.runs import SimulatedRun, SimulatedRuns

SOURCE = "simulated"
EVERY_SECONDS = 3.0


async def start_on_schedule(runs: SimulatedRuns) -> None:
    """Start extract_orders until cancelled; a start that the database does not take is left out."""
    while True:
        with suppress(StoreUnavailableError):
            await runs.start(_next_run())
        await anyio.sleep(EVERY_SECONDS)


def _next_run() -> SimulatedRun:
    # The second, not a count: with data that is kept, a partition must not come twice.
    partition = datetime.now(UTC).strftime("%Y-%m-%d-%H:%M:%S")
    return SimulatedRun(
        run_id=f"scheduled-{uuid4().hex[:8]}",
        job_name=EXTRACT_ORDERS.name,
        source=SOURCE,
        tags={"dagster/partition": partition, "team": "sales"},
        partition_key=partition,
    )
