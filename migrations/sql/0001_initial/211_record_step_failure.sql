-- Records the failure of one step of a run; gives its id. Call it before recording the run's failure, so that whoever
-- answers that finds it.
CREATE FUNCTION runbell.record_step_failure(
    run_id text,
    step_key text,
    error jsonb,
    source text DEFAULT 'sql'
) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    recorded bigint;
BEGIN
    PERFORM runbell.refuse_bad_name('run_id', record_step_failure.run_id);
    PERFORM runbell.refuse_bad_name('step_key', record_step_failure.step_key);
    PERFORM runbell.refuse_bad_name('source', record_step_failure.source);
    INSERT INTO runbell.step_failures (source, run_id, step_key, error)
    VALUES (
        record_step_failure.source, record_step_failure.run_id, record_step_failure.step_key,
        coalesce(record_step_failure.error, '{}')
    )
    RETURNING step_failure_id INTO recorded;
    RETURN recorded;
END
$$
