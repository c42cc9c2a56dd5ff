-- Takes a run's row for the reconciler if it still is the version that the reconciler compared (`seen`; null: there was
-- none). False: somebody has captured a change since, so what was compared is no longer true.
CREATE FUNCTION runbell.claim_run(run runbell.runs, seen xid) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF seen IS NULL THEN
        INSERT INTO runbell.runs (source, run_id, job_name, status)
        VALUES (run.source, run.run_id, run.job_name, run.status)
        ON CONFLICT DO NOTHING;
    ELSE
        PERFORM FROM runbell.runs AS known
        WHERE known.source = run.source AND known.run_id = run.run_id AND known.xmin = seen
        FOR UPDATE SKIP LOCKED;
    END IF;
    RETURN FOUND;
END
$$
