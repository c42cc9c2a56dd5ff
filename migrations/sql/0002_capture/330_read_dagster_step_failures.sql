-- The failed steps of one of Dagster's runs, oldest first. The outer error is Dagster's, its cause the user's.
CREATE FUNCTION runbell.read_dagster_step_failures(schema_name text, run_id text)
RETURNS TABLE (step_key text, message text, error jsonb, recorded_at timestamptz)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $query$
        SELECT
            coalesce(e.step_key, e.event ->> 'step_key', '(unnamed)'),
            e.event ->> 'message',
            runbell.plain_error(e.event #> '{event_specific_data,error}'),
            e."timestamp" AT TIME ZONE 'UTC'
        FROM (
            SELECT l.id, l.step_key, l."timestamp", runbell.read_json(l.event) -> 'dagster_event' AS event
            FROM %I.event_logs AS l
            WHERE l.run_id = $1 AND l.dagster_event_type = 'STEP_FAILURE'
        ) AS e
        ORDER BY e.id
        $query$,
        schema_name
    )
    USING run_id;
END
$$
