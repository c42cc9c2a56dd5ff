-- The tables and columns that a source is read from.
CREATE FUNCTION runbell.source_tables(kind text, settings jsonb)
RETURNS TABLE (table_schema text, table_name text, table_columns text[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF kind = 'dagster' THEN
        RETURN QUERY VALUES
            (settings ->> 'schema', 'runs', ARRAY[
                'id', 'run_id', 'pipeline_name', 'status', 'run_body', 'create_timestamp', 'start_time', 'end_time'
            ]),
            (settings ->> 'schema', 'event_logs', ARRAY[
                'id', 'run_id', 'event', 'dagster_event_type', 'timestamp', 'step_key'
            ]);
    ELSE
        RETURN QUERY SELECT
            settings ->> 'schema',
            settings ->> 'table',
            array_remove(ARRAY[
                settings ->> 'id', settings ->> 'status', settings ->> 'job', settings ->> 'partition',
                settings ->> 'tags', settings ->> 'location'
            ], NULL);
    END IF;
END
$$
