-- Writes runbell.capture_table_row, the row trigger of `table` sources, anew: with the columns of each source that
-- has it. It keeps its owner and who may call it. Guarded like runbell.capture_dagster_run.
-- What it was not written for (a source attached with other columns), and what no longer has the types that the session
-- has planned for, it reads by a statement of its own, which is slower and always right.
-- The first branch is there because there may be no other. Names get into the text as %I, values as %L, and the text
-- into the statement as %L.
CREATE FUNCTION runbell.write_capture_table_row() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $write$
DECLARE
    branches text;
    body text := $body$
DECLARE
    began timestamptz := clock_timestamp();
    known boolean := true;
    row_now record;
    run runbell.runs;
BEGIN
    IF current_setting('runbell.capture_gave_up', true) = 'on' THEN
        RETURN NULL;
    END IF;
    BEGIN
        IF TG_ARGV[0] IS NULL THEN
            known := false;%s
        ELSE
            known := false;
        END IF;
    EXCEPTION WHEN datatype_mismatch THEN
        known := false;
    END;
    IF NOT known THEN
        EXECUTE format(
            'SELECT %%s, %%s AS former FROM (SELECT ($1).*) AS t, (SELECT ($2).*) AS f',
            runbell.read_table_sql(TG_ARGV[1]::jsonb), runbell.map_status_sql(TG_ARGV[1]::jsonb, 'f')
        )
        INTO row_now USING NEW, OLD;
    END IF;
    IF row_now.status IS NULL OR row_now.status = row_now.former THEN
        RETURN NULL;
    END IF;
    run := runbell.describe_table_run(
        TG_ARGV[0], row_now.run_id, row_now.job_name, row_now.status, row_now.partition_key, row_now.tags,
        row_now.code_location
    );
    PERFORM runbell.keep_run(run);
    IF clock_timestamp() > began + interval '30 milliseconds' THEN
        PERFORM set_config('lock_timeout', '20ms', true);
    END IF;
    PERFORM runbell.add_event(run, run.status, row_now.native_status);
    PERFORM runbell.ring_if_asleep();
    RETURN NULL;
EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
    IF SQLSTATE IN ('55P03', '57014') THEN
        PERFORM set_config('runbell.capture_gave_up', 'on', true);
    END IF;
    RAISE WARNING 'runbell: a status change was not captured and is left to the reconciler: %% (%%)',
        left(regexp_replace(SQLERRM, '[^ -~]', '?', 'g'), 200), SQLSTATE;
    RETURN NULL;
END
$body$;
BEGIN
    -- Two that write at once: the second would be refused as "tuple concurrently updated".
    PERFORM pg_advisory_xact_lock(hashtextextended('runbell.capture_table_row', 0));
    SELECT string_agg(runbell.read_new_row_sql(s), '' ORDER BY s.source) INTO branches
    FROM runbell.sources AS s
    WHERE s.kind = 'table' AND s.settings ->> 'trigger' = 'row';
    EXECUTE format(
        'CREATE OR REPLACE FUNCTION runbell.capture_table_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER '
        'SET search_path = pg_catalog, pg_temp SET lock_timeout = ''100ms'' AS %L',
        format(body, rtrim(branches))
    );
END
$write$
