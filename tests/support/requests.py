"""Run requests put into the queue by hand, and what became of them."""

import json
from typing import Any

import asyncpg

from support.daemons import until

Session = asyncpg.Connection

ADD = """
WITH added AS (
    INSERT INTO runbell.run_requests (
        sensor_name, event_id, ordinal, target, job_name, code_location, run_key, partition_key, asset_selection,
        run_config, tags
    )
    SELECT $1, 1, coalesce(max(q.ordinal) + 1, 0), $2, $3, $4, $5, $6, $7, $8, $9
    FROM runbell.run_requests AS q
    RETURNING request_id
)
SELECT a.request_id FROM added AS a, LATERAL (SELECT runbell.ring('runbell_requests')) AS rung
"""


async def request(session: Session, job: str, *, target: str = "dagster", sensor: str = "chain", **more: Any) -> int:
    """Put a request into the queue; its id."""
    given = {
        "code_location": None,
        "run_key": None,
        "partition_key": None,
        "asset_selection": None,
        "run_config": {},
        "tags": {},
        **more,
    }
    for name in ("asset_selection", "run_config", "tags"):
        given[name] = None if given[name] is None else json.dumps(given[name])
    return int(await session.fetchval(ADD, sensor, target, job, *given.values()))


async def until_state(session: Session, request_id: int, *states: str, seconds: float = 30.0) -> "asyncpg.Record":
    """Wait until a request is in one of these states; its row."""

    async def look() -> "asyncpg.Record | None":
        return await session.fetchrow("SELECT * FROM runbell.run_requests WHERE request_id = $1", request_id)

    row = await until(look, lambda row: row is not None and row["state"] in states, seconds=seconds)
    assert row is not None
    return row
