-- The trigger on Dagster's table of runs: records a status change in the transaction that makes it.
-- It can neither fail nor delay that transaction: whatever goes wrong is caught, also a cancelled statement, which
-- OTHERS leaves out; a lock is waited for once, at most 100 ms, and after that not again in the same transaction.
-- What the guard swallows is found by runbell.close_gaps. Warnings are plain ASCII: one that the client's encoding
-- does not have would be an error.
-- Trigger argument: the source.
CREATE FUNCTION runbell.capture_dagster_run() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    began timestamptz := clock_timestamp();
    run runbell.runs;
    message text;
    error jsonb;
BEGIN
    IF NEW.status IS NULL OR NEW.run_id IS NULL OR current_setting('runbell.capture_gave_up', true) = 'on' THEN
        RETURN NULL;
    END IF;
    BEGIN
        run := runbell.describe_dagster_run(TG_ARGV[0], to_jsonb(NEW));
    EXCEPTION WHEN OTHERS THEN
        run.source := TG_ARGV[0];
        run.run_id := NEW.run_id;
        run.job_name := coalesce(NEW.pipeline_name, '(unnamed)');
        run.status := upper(NEW.status);
    END;
    IF run.status = 'FAILURE' THEN
        BEGIN
            SELECT f.message, f.error INTO message, error
            FROM runbell.read_dagster_failure(TG_TABLE_SCHEMA, NEW.run_id, 200) AS f;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END IF;
    PERFORM runbell.keep_run(run);
    -- Several locks that are each had just in time must not add up.
    IF clock_timestamp() > began + interval '30 milliseconds' THEN
        PERFORM set_config('lock_timeout', '20ms', true);
    END IF;
    IF NOT runbell.take_overtaken(run) THEN
        PERFORM runbell.add_event(run, run.status, NEW.status, message, error);
        PERFORM runbell.ring_if_asleep();
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
    IF SQLSTATE IN ('55P03', '57014') THEN
        PERFORM set_config('runbell.capture_gave_up', 'on', true);
    END IF;
    RAISE WARNING 'runbell: a status change was not captured and is left to the reconciler: % (%)',
        left(regexp_replace(SQLERRM, '[^ -~]', '?', 'g'), 200), SQLSTATE;
    RETURN NULL;
END
$$
