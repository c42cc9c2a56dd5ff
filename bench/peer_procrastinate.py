"""A Procrastinate worker that answers status changes. Run as `peer_procrastinate.py URL CONCURRENCY` by the benchmarks.

Each status change defers a job in its own transaction; the job inserts the run request. Done jobs are deleted.
"""

import asyncio
import sys

import procrastinate
import psycopg_pool

READY = "procrastinate worker"
PREPARE = """
CREATE FUNCTION public.defer() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    PERFORM public.procrastinate_defer_jobs_v1(
        ARRAY[
            ROW('default', 'answer', 0, NULL, NULL, jsonb_build_object('event_id', NEW.event_id), NULL)
        ]::public.procrastinate_job_to_defer_v1[]
    );
    RETURN NULL;
END
$$;
CREATE TRIGGER defer AFTER INSERT ON runbell.run_events FOR EACH ROW EXECUTE FUNCTION public.defer();
"""
INSERT = """
INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)
VALUES ('procrastinate', %s, 0, 'sql', 'follow_up')
"""


async def serve(url: str, concurrency: int) -> None:
    """Answer until killed."""
    pool = psycopg_pool.AsyncConnectionPool(url, min_size=4, max_size=10, open=False, kwargs={"autocommit": True})
    await pool.open()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, kwargs={"application_name": READY}))

    @app.task(name="answer")
    async def answer(event_id: int) -> None:
        async with pool.connection() as session:
            await session.execute(INSERT, (event_id,))

    async with app.open_async():
        await app.run_worker_async(concurrency=concurrency, delete_jobs="successful", install_signal_handlers=False)


if __name__ == "__main__":
    url, concurrency = sys.argv[1:]
    asyncio.run(serve(url, int(concurrency)))
