-- Will the reconciler never again look for this run's captured events? It looks at Dagster's history above its
-- watermark, whatever holds that back, and would record what it does not find a second time. No, if it cannot be told.
CREATE FUNCTION runbell.compared_past(source text, run_id text) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    attached runbell.sources;
    still boolean;
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = compared_past.source AND s.kind = 'dagster';
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.event_logs AS l WHERE l.run_id = $1 AND l.id > $2)', attached.settings ->> 'schema'
    )
    INTO still
    USING compared_past.run_id, (attached.watermark ->> 'event')::bigint;
    RETURN NOT still;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR lock_not_available THEN
    RETURN false;
END
$$
