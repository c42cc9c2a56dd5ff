"""A PgQueuer worker that answers status changes. Run as `peer_pgqueuer.py URL BATCH KIND` by the benchmarks.

Each status change enqueues a job in its own transaction; by KIND the job inserts the `request`, does `nothing`, or
`wait`s 10 ms. Requests go through a pool of connections beside PgQueuer's own, as in an application.
"""

import asyncio
import sys

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.models import Job

READY = "pgqueuer and listening"
WAIT_SECONDS = 0.01
PREPARE = """
CREATE FUNCTION public.enqueue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.pgqueuer (priority, entrypoint, payload, status)
    VALUES (0, 'answer', convert_to(NEW.event_id::text, 'UTF8'), 'queued');
    RETURN NULL;
END
$$;
CREATE TRIGGER enqueue AFTER INSERT ON runbell.run_events FOR EACH ROW EXECUTE FUNCTION public.enqueue();
"""
SETTLED = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(l.xmin))::float8, count(*)
    FROM public.pgqueuer_log AS l
    WHERE l.status = 'successful'
    GROUP BY 1
"""
INSERT = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)
VALUES ('pgqueuer', $1, 0, 'sql', 'follow_up')
"""


async def serve(url: str, batch: int, kind: str) -> None:
    """Answer until killed."""
    session = await asyncpg.connect(url, server_settings={"application_name": READY})
    pool = await asyncpg.create_pool(url, min_size=4, max_size=10)
    queue = PgQueuer.from_asyncpg_connection(session)

    async def answer(job: Job) -> None:
        assert job.payload is not None
        if kind == "request":
            await pool.execute(INSERT, int(job.payload))
        elif kind == "wait":
            await asyncio.sleep(WAIT_SECONDS)

    queue.entrypoint("answer")(answer)
    await queue.run(batch_size=batch)


if __name__ == "__main__":
    url, batch, kind = sys.argv[1:]
    uvloop.run(serve(url, int(batch), kind))
