-- The state at attach: each run of Dagster's with its status as it stands, so that what happened before is not taken
-- for a gap and every change from now on is.
CREATE FUNCTION runbell.note_dagster_runs(source text, settings jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        $query$
        INSERT INTO runbell.runs AS known (source, run_id, job_name, status, created_at, started_at, ended_at)
        SELECT
            $1, r.run_id, coalesce(r.pipeline_name, '(unnamed)'), upper(r.status),
            coalesce(r.create_timestamp AT TIME ZONE 'UTC', clock_timestamp()),
            to_timestamp(r.start_time), to_timestamp(r.end_time)
        FROM %I.runs AS r
        WHERE r.run_id IS NOT NULL AND r.status IS NOT NULL
        ON CONFLICT ON CONSTRAINT runs_pkey DO UPDATE SET
            status = excluded.status,
            started_at = excluded.started_at,
            ended_at = excluded.ended_at,
            updated_at = excluded.updated_at
        $query$,
        settings ->> 'schema'
    ) USING note_dagster_runs.source;
END
$$
