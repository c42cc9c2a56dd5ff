-- Keeps what is known of a run. Times given by the source win; otherwise the moment of recording stands for them.
CREATE FUNCTION runbell.upsert_run(
    source text,
    run_id text,
    job_name text,
    code_location text,
    status text,
    partition_key text,
    tags jsonb,
    run_config jsonb,
    created_at timestamptz,
    started_at timestamptz,
    ended_at timestamptz
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    moment timestamptz := clock_timestamp();
    ended boolean := status IN ('SUCCESS', 'FAILURE', 'CANCELED');
BEGIN
    INSERT INTO runbell.runs AS known (
        source, run_id, job_name, code_location, status, partition_key, tags, run_config,
        created_at, started_at, ended_at, updated_at
    )
    VALUES (
        source, run_id, job_name, code_location, status,
        coalesce(partition_key, tags ->> 'dagster/partition'), tags, run_config,
        coalesce(created_at, moment),
        coalesce(started_at, CASE WHEN status = 'STARTED' THEN moment END),
        CASE WHEN ended THEN coalesce(ended_at, moment) END,
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
