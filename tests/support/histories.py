"""Fills a database with a history, in the shape that a daemon would have left, of any size."""

import asyncpg

Session = asyncpg.Connection

SENSORS = """
INSERT INTO runbell.sensors (
    sensor_name, module, declared_active, filter, filter_hash, position, last_outcome, last_evaluated_at
)
SELECT format('sensor_%s', lpad(n::text, 5, '0')), 'history', true,
    '{"statuses": ["SUCCESS"], "jobs": null, "scope": null, "own_runs": false}', 1, pg_current_snapshot(), 'acted',
    clock_timestamp() - n * interval '1 second'
FROM generate_series(1, $1) AS n
"""
EVENTS = """
INSERT INTO runbell.run_events (xid, source, run_id, job_name, status, native_status, recorded_at)
SELECT pg_current_xact_id(), 'sql', 'run-' || n, 'job_' || n % 500, 'SUCCESS', 'SUCCESS',
    clock_timestamp() - ($1 - n) * interval '10 milliseconds'
FROM generate_series(1, $1) AS n
"""
RUNS = """
INSERT INTO runbell.runs (source, run_id, job_name, status)
SELECT DISTINCT e.source, e.run_id, e.job_name, e.status FROM runbell.run_events AS e
"""
# By turns to every sensor.
TICKS = """
INSERT INTO runbell.ticks (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, settled_at)
SELECT format('sensor_%s', lpad((1 + e.event_id % $1)::text, 5, '0')), e.event_id, e.event_id, 0, 1, 0, 0,
    e.recorded_at + (5 + e.event_id % 40) * interval '1 millisecond'
FROM runbell.run_events AS e
"""
EVALUATIONS = """
INSERT INTO runbell.evaluations (sensor_name, event_id, state, attempts, error)
SELECT format('sensor_%s', lpad((1 + e.event_id % $1)::text, 5, '0')), e.event_id,
    'dead', 10, E'Traceback (most recent call last):\\n  File "sensors.py", line 7, in alert\\nConnectionError: away'
FROM runbell.run_events AS e
"""
REQUESTS = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name, run_key, state, run_id, launched_at)
SELECT format('sensor_%s', lpad((1 + e.event_id % $1)::text, 5, '0')), e.event_id, 0, 'sql', 'next',
    e.run_id, 'launched', 'started-' || e.event_id, clock_timestamp()
FROM runbell.run_events AS e
"""


async def fill(session: Session, *, sensors: int, events: int) -> None:
    """So many sensors and events; each event was evaluated, requested a run, and was given up by one sensor."""
    await session.execute("SET statement_timeout = 0; SET synchronous_commit = off")
    await session.execute(EVENTS, events, timeout=600)
    for statement in (SENSORS, TICKS, EVALUATIONS, REQUESTS):
        await session.execute(statement, sensors, timeout=600)
    await session.execute(RUNS, timeout=600)
    await session.execute("ANALYZE", timeout=600)
