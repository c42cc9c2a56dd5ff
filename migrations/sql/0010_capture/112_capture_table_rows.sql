-- The statement trigger of a `table` source: one guard for all rows of a statement, so a bulk change does not pay a
-- subtransaction for each. Guarded like runbell.capture_dagster_run; what it swallows is the whole statement's.
-- Trigger arguments: the source and its settings. Transition tables: after, and before for an UPDATE.
CREATE OR REPLACE FUNCTION runbell.capture_table_rows() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    settings jsonb;
    row_now record;
    run runbell.runs;
    began timestamptz;
    recorded boolean := false;
BEGIN
    IF current_setting('runbell.capture_gave_up', true) = 'on' THEN
        RETURN NULL;
    END IF;
    settings := TG_ARGV[1]::jsonb;
    FOR row_now IN EXECUTE format('SELECT %s FROM after AS t %s', runbell.read_table_sql(settings, 't'), CASE TG_OP
        WHEN 'UPDATE' THEN format(
            'LEFT JOIN before AS f ON f.%1$I::text = t.%1$I::text WHERE %2$s IS DISTINCT FROM %3$s',
            settings ->> 'id', runbell.map_status_sql(settings, 't'), runbell.map_status_sql(settings, 'f')
        )
        ELSE ''
    END)
    LOOP
        CONTINUE WHEN row_now.status IS NULL;
        began := clock_timestamp();
        run := runbell.describe_table_run(
            TG_ARGV[0], row_now.run_id, row_now.job_name, row_now.status, row_now.partition_key, row_now.tags,
            row_now.code_location
        );
        PERFORM runbell.keep_run(run);
        PERFORM runbell.add_event(run, run.status, row_now.native_status);
        IF clock_timestamp() > began + interval '30 milliseconds' THEN
            PERFORM set_config('lock_timeout', '20ms', true);
        END IF;
        recorded := true;
    END LOOP;
    IF recorded THEN
        PERFORM runbell.ring_if_asleep();
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS OR query_canceled OR assert_failure THEN
    IF SQLSTATE IN ('55P03', '57014') THEN
        PERFORM set_config('runbell.capture_gave_up', 'on', true);
    END IF;
    RAISE WARNING 'runbell: status changes were not captured and are left to the reconciler: % (%)',
        left(regexp_replace(SQLERRM, '[^ -~]', '?', 'g'), 200), SQLSTATE;
    RETURN NULL;
END
$$
