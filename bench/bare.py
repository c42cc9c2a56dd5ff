"""The bare loop that Runbell is measured against: what asyncpg can do at best, with nothing but the task itself.

The same status changes in, the same queue out: events come from `runbell.run_events`, requests go to
`runbell.run_requests`. In between it LISTENs (every event rings), reads what has become visible since its snapshot
cursor, 500 events at most, calls a coroutine for each, and writes requests and cursor in one transaction. No leases,
filters, retries, run keys, contexts, checks or logs. Run as `bare.py URL HOW` by the benchmarks, HOW being `many` (the
driver's `executemany`, as one writes it) or `once` (one statement over arrays: the least that a commit can cost).
"""

import asyncio
import sys
from collections.abc import Sequence

import asyncpg
import uvloop

BATCH = 500
READY = "bare and listening"

PREPARE = """
CREATE SCHEMA bare;
CREATE TABLE bare.cursor (position pg_snapshot NOT NULL, upper pg_snapshot, last_xid bigint, last_event_id bigint);
INSERT INTO bare.cursor (position) SELECT pg_current_snapshot();
CREATE FUNCTION bare.ring() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bare_events', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER ring AFTER INSERT ON runbell.run_events FOR EACH STATEMENT EXECUTE FUNCTION bare.ring();
"""

READ = """
WITH bounds AS MATERIALIZED (
    SELECT
        coalesce($2::text::pg_snapshot, pg_current_snapshot()) AS upper,
        $3::bigint::text::xid8 AS last_xid,
        greatest(pg_snapshot_xmax($1::text::pg_snapshot), $3::bigint::text::xid8) AS new_xid
)
SELECT
    e.event_id, e.xid::text::bigint AS xid, e.source, e.run_id, e.job_name, e.status, e.partition_key,
    e.tags::text AS tags, b.upper::text AS upper
FROM bounds AS b
CROSS JOIN LATERAL (
    (
        SELECT f.*
        FROM runbell.run_events AS f
        WHERE (f.xid, f.event_id) > (b.new_xid, CASE WHEN b.new_xid = b.last_xid THEN $4::bigint ELSE 0 END)
            AND f.xid < pg_snapshot_xmax(b.upper)
            AND pg_visible_in_snapshot(f.xid, b.upper)
        ORDER BY f.xid, f.event_id
        LIMIT $5
    )
    UNION ALL
    (
        SELECT f.*
        FROM runbell.run_events AS f
        WHERE f.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
            AND (f.xid, f.event_id) > (b.last_xid, $4::bigint)
            AND pg_visible_in_snapshot(f.xid, b.upper)
        ORDER BY f.xid, f.event_id
        LIMIT $5
    )
) AS e
ORDER BY e.xid, e.event_id
LIMIT $5
"""

INSERT = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name) VALUES ('bare', $1, 0, $2, $3)
"""

MOVE = """
UPDATE bare.cursor
SET position = $1::text::pg_snapshot, upper = $2::text::pg_snapshot, last_xid = $3, last_event_id = $4
"""

INSERT_AND_MOVE = """
WITH made AS (
    INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)
    SELECT 'bare', t.event_id, 0, t.target, t.job_name
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS t (event_id, target, job_name)
)
UPDATE bare.cursor
SET position = $4::text::pg_snapshot, upper = $5::text::pg_snapshot, last_xid = $6, last_event_id = $7
"""

Request = tuple[int, str, str]
Place = tuple[str, str | None, int | None, int | None]
Session = asyncpg.Connection


async def answer(event: asyncpg.Record) -> Request:
    """What stands for the sensor function."""
    return (event["event_id"], event["source"], "follow_up")


async def write_many(session: Session, requests: Sequence[Request], place: Place) -> None:
    async with session.transaction():
        await session.executemany(INSERT, requests)
        await session.execute(MOVE, *place)


async def write_once(session: Session, requests: Sequence[Request], place: Place) -> None:
    await session.execute(INSERT_AND_MOVE, *map(list, zip(*requests, strict=True)), *place)


async def serve(url: str, how: str) -> None:
    """Answer until killed."""
    write = {"many": write_many, "once": write_once}[how]
    listener = await asyncpg.connect(url)
    # Analyzed with a few hundred rows its tables would be read from end to end by what is planned then: no floor.
    session = await asyncpg.connect(url, server_settings={"enable_seqscan": "off"})
    rung = asyncio.Event()
    await listener.add_listener("bare_events", lambda *_: rung.set())
    row = await session.fetchrow("SELECT position::text, upper::text, last_xid, last_event_id FROM bare.cursor")
    position, upper, last_xid, last_event_id = row
    await listener.execute(f"SET application_name = '{READY}'")
    while True:
        rung.clear()
        events = await session.fetch(READ, position, upper, last_xid or 0, last_event_id or 0, BATCH)
        if events:
            place = _behind(position, events)
            await write(session, [await answer(event) for event in events], place)
            position, upper, last_xid, last_event_id = place
        elif upper is not None:
            position, upper, last_xid, last_event_id = upper, None, None, None
        else:
            await rung.wait()


def _behind(position: str, events: Sequence[asyncpg.Record]) -> Place:
    """The place behind these events: whole, or inside a read that has more."""
    last = events[-1]
    if len(events) < BATCH:
        return (last["upper"], None, None, None)
    return (position, last["upper"], last["xid"], last["event_id"])


if __name__ == "__main__":
    uvloop.run(serve(*sys.argv[1:]))
