-- Records the missing statuses of one run; gives their number, 0 if somebody captured one meanwhile.
-- What the run's row does not show yet, or passed over, is noted: should the row come to it, capture knows.
CREATE FUNCTION runbell.record_dagster_gap(attached runbell.sources, statuses text[], facts jsonb, seen xid)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run runbell.runs := runbell.describe_dagster_run(attached.source, facts);
    missing text;
    message text;
    error jsonb;
    recorded integer := 0;
BEGIN
    IF NOT runbell.claim_run(run, seen) THEN
        RETURN 0;
    END IF;
    PERFORM runbell.keep_run(run);
    FOREACH missing IN ARRAY statuses LOOP
        CONTINUE WHEN missing = run.status AND runbell.take_overtaken(run);
        IF missing <> run.status THEN
            INSERT INTO runbell.overtaken (source, run_id, status)
            VALUES (run.source, run.run_id, missing)
            ON CONFLICT DO NOTHING;
        END IF;
        message := NULL;
        error := NULL;
        IF missing = 'FAILURE' THEN
            SELECT f.message, f.error INTO message, error
            FROM runbell.read_dagster_failure(attached.settings ->> 'schema', run.run_id, 100000) AS f;
        END IF;
        PERFORM runbell.add_event(run, missing, missing, message, error);
        recorded := recorded + 1;
    END LOOP;
    RETURN recorded;
END
$$
