"""Writes backlogs: status changes that have been committed while nobody answered."""

import asyncpg

# So many events are written by one transaction, as by an orchestrator that is busy.
TOGETHER = 500

WRITE = """
DO $$
DECLARE
    first bigint;
BEGIN
    FOR first IN SELECT generate_series({first}, {last}, {together}) LOOP
        INSERT INTO runbell.runs (source, run_id, job_name, status)
        SELECT 'sql', 'run-' || n, '{job}', 'SUCCESS'
        FROM generate_series(first, least(first + {together} - 1, {last})) AS n;
        INSERT INTO runbell.run_events (source, run_id, job_name, status, native_status)
        SELECT 'sql', 'run-' || n, '{job}', 'SUCCESS', 'SUCCESS'
        FROM generate_series(first, least(first + {together} - 1, {last})) AS n;
        COMMIT;
    END LOOP;
END
$$
"""


async def write_backlog(
    session: asyncpg.Connection, events: int, *, together: int = TOGETHER, job: str = "a_job", start: int = 1
) -> None:
    """Record so many status changes, each of a run of its own, in transactions of `together`; then a checkpoint.

    Written as rows, as `record_run_status` would leave them: a million of its calls would take minutes.
    """
    last = start + events - 1
    await session.execute(WRITE.format(first=start, last=last, together=together, job=job))
    await session.execute("ANALYZE runbell.runs, runbell.run_events")
    await session.execute("CHECKPOINT")
