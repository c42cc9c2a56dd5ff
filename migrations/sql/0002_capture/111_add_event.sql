-- Records that a run, given as a row, came to a status.
CREATE FUNCTION runbell.add_event(
    run runbell.runs, status text, native_status text, message text DEFAULT NULL, error jsonb DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO runbell.run_events (
        source, run_id, job_name, code_location, status, native_status, partition_key, tags, message, error
    )
    VALUES (
        run.source, run.run_id, run.job_name, run.code_location, add_event.status, add_event.native_status,
        run.partition_key, coalesce(run.tags, '{}'), add_event.message, add_event.error
    );
END
$$
