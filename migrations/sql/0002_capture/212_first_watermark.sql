-- Where the reconciler of a source begins: everything up to here counts as captured.
CREATE FUNCTION runbell.first_watermark(kind text, settings jsonb) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    watermark jsonb;
BEGIN
    IF kind = 'table' THEN
        RETURN jsonb_build_object('snapshot', pg_current_snapshot()::text);
    END IF;
    EXECUTE format(
        $query$
        SELECT jsonb_build_object(
            'event', (SELECT coalesce(max(e.id), 0) FROM %1$I.event_logs AS e),
            'run', (SELECT coalesce(max(r.id), 0) FROM %1$I.runs AS r),
            'swept', 0
        )
        $query$,
        settings ->> 'schema'
    )
    INTO watermark;
    RETURN watermark;
END
$$
