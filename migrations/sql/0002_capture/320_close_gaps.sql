-- The second wall: compares an attached source with what was captured, records up to `most` runs' missing status
-- changes and gives the number of events recorded. Call it again while it gives as many as it may.
-- The first statement takes the source's row: those that follow have snapshots that begin after it, so two callers
-- never record the same. Whoever finds the row taken has nothing to do. Few runs at a time, because their rows are
-- locked until the end, and capture waits for a row 100 ms.
CREATE FUNCTION runbell.close_gaps(source text, most integer DEFAULT 100) RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
    attached runbell.sources;
    recorded integer;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'runbell: close_gaps needs a READ COMMITTED transaction'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = close_gaps.source
    FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    recorded := CASE attached.kind
        WHEN 'dagster' THEN runbell.close_dagster_gaps(attached, most)
        ELSE runbell.close_table_gaps(attached, most)
    END;
    IF recorded > 0 THEN
        PERFORM runbell.ring_if_asleep();
    END IF;
    RETURN recorded;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege THEN
    -- The orchestrator's table, not ours: nobody should be told to migrate.
    RAISE EXCEPTION 'source % cannot be read: %', source, SQLERRM USING ERRCODE = 'invalid_parameter_value';
END
$$
