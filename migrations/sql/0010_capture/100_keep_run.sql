-- Keeps what is known of a run, given as a row. Times given by the source win; otherwise the moment of recording stands
-- for them.
CREATE OR REPLACE FUNCTION runbell.keep_run(run runbell.runs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment timestamptz := clock_timestamp();
BEGIN
    INSERT INTO runbell.runs AS known (
        source, run_id, job_name, code_location, status, partition_key, tags, run_config,
        created_at, started_at, ended_at, updated_at
    )
    VALUES (
        run.source, run.run_id, run.job_name, run.code_location, run.status,
        coalesce(run.partition_key, run.tags ->> 'dagster/partition'),
        coalesce(run.tags, '{}'), coalesce(run.run_config, '{}'),
        coalesce(run.created_at, moment),
        coalesce(run.started_at, CASE WHEN run.status = 'STARTED' THEN moment END),
        CASE WHEN run.status IN ('SUCCESS', 'FAILURE', 'CANCELED') THEN coalesce(run.ended_at, moment) END,
        moment
    )
    ON CONFLICT ON CONSTRAINT runs_pkey DO UPDATE SET
        job_name = excluded.job_name,
        code_location = coalesce(excluded.code_location, known.code_location),
        status = excluded.status,
        partition_key = coalesce(excluded.partition_key, known.partition_key),
        tags = CASE WHEN excluded.tags = '{}' THEN known.tags ELSE excluded.tags END,
        run_config = CASE WHEN excluded.run_config = '{}' THEN known.run_config ELSE excluded.run_config END,
        started_at = coalesce(excluded.started_at, known.started_at),
        ended_at = excluded.ended_at,
        updated_at = excluded.updated_at;
END
$$
