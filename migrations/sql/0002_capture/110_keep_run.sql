-- Keeps what is known of a run, given as a row.
CREATE FUNCTION runbell.keep_run(run runbell.runs) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM runbell.upsert_run(
        run.source, run.run_id, run.job_name, run.code_location, run.status, run.partition_key,
        coalesce(run.tags, '{}'), coalesce(run.run_config, '{}'), run.created_at, run.started_at, run.ended_at
    );
END
$$
