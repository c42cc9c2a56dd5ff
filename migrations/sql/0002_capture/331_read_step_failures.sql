-- The failed steps of a run, oldest first: from the orchestrator's own log where it has one, and as recorded.
CREATE FUNCTION runbell.read_step_failures(source text, run_id text)
RETURNS TABLE (step_key text, message text, error jsonb, recorded_at timestamptz)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    schema_name text := (
        SELECT s.settings ->> 'schema' FROM runbell.sources AS s
        WHERE s.source = read_step_failures.source AND s.kind = 'dagster'
    );
BEGIN
    IF schema_name IS NOT NULL THEN
        RETURN QUERY SELECT * FROM runbell.read_dagster_step_failures(schema_name, read_step_failures.run_id);
    END IF;
    RETURN QUERY
    SELECT f.step_key, f.error ->> 'message', f.error, f.recorded_at
    FROM runbell.step_failures AS f
    WHERE f.source = read_step_failures.source AND f.run_id = read_step_failures.run_id
    ORDER BY f.step_failure_id;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege THEN
    RAISE EXCEPTION 'source % cannot be read: %', source, SQLERRM USING ERRCODE = 'invalid_parameter_value';
END
$$
