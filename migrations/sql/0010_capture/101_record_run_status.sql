-- Records one status change of a run; gives its event id. Repeated calls record repeated events.
CREATE OR REPLACE FUNCTION runbell.record_run_status(
    run_id text,
    job_name text,
    status text,
    code_location text DEFAULT NULL,
    partition_key text DEFAULT NULL,
    tags jsonb DEFAULT '{}',
    run_config jsonb DEFAULT '{}',
    message text DEFAULT NULL,
    error jsonb DEFAULT NULL,
    source text DEFAULT 'sql'
) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    recorded bigint;
    run runbell.runs;
BEGIN
    PERFORM runbell.refuse_bad_name('run_id', record_run_status.run_id);
    PERFORM runbell.refuse_bad_name('job_name', record_run_status.job_name);
    PERFORM runbell.refuse_bad_name('status', record_run_status.status);
    PERFORM runbell.refuse_bad_name('source', record_run_status.source);
    IF jsonb_typeof(coalesce(record_run_status.tags, '{}')) <> 'object' THEN
        RAISE EXCEPTION 'runbell: tags must be a JSON object, not %', jsonb_typeof(record_run_status.tags)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    run.source := record_run_status.source;
    run.run_id := record_run_status.run_id;
    run.job_name := record_run_status.job_name;
    run.code_location := record_run_status.code_location;
    run.status := upper(record_run_status.status);
    run.partition_key := coalesce(record_run_status.partition_key, record_run_status.tags ->> 'dagster/partition');
    run.tags := coalesce(record_run_status.tags, '{}');
    run.run_config := record_run_status.run_config;
    PERFORM runbell.keep_run(run);
    INSERT INTO runbell.run_events (
        source, run_id, job_name, code_location, status, native_status, partition_key, tags, message, error
    )
    VALUES (
        run.source, run.run_id, run.job_name, run.code_location, run.status, record_run_status.status,
        run.partition_key, run.tags, record_run_status.message, record_run_status.error
    )
    RETURNING event_id INTO recorded;
    PERFORM runbell.ring_if_asleep();
    RETURN recorded;
END
$$
