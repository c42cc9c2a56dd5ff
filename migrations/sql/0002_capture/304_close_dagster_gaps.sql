-- One round for a Dagster source; the caller holds the source's row. Gives the number of events recorded.
CREATE FUNCTION runbell.close_dagster_gaps(attached runbell.sources, most integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sweep_to bigint;
    gap record;
    recorded integer := 0;
BEGIN
    EXECUTE format(
        'SELECT max(p.id) FROM (SELECT r.id FROM %I.runs AS r WHERE r.id > $1 ORDER BY r.id LIMIT 1000) AS p',
        attached.settings ->> 'schema'
    )
    INTO sweep_to
    USING (attached.watermark ->> 'swept')::bigint;
    FOR gap IN SELECT * FROM runbell.find_dagster_gaps(attached, sweep_to, most) LOOP
        BEGIN
            recorded := recorded + runbell.record_dagster_gap(attached, gap.statuses, gap.facts, gap.seen);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'runbell: missed status changes of run % cannot be recorded: %',
                gap.facts ->> 'run_id', SQLERRM;
        END;
    END LOOP;
    DELETE FROM runbell.overtaken AS o
    WHERE o.source = attached.source AND o.recorded_at < clock_timestamp() - interval '30 days';
    UPDATE runbell.sources AS s
    SET watermark = runbell.next_dagster_watermark(attached, coalesce(sweep_to, 0))
    WHERE s.source = attached.source;
    RETURN recorded;
END
$$
