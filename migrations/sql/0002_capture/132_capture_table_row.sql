-- The row trigger of a `table` source, guarded like runbell.capture_dagster_run.
-- Trigger arguments: the source and its settings.
CREATE FUNCTION runbell.capture_table_row() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    began timestamptz := clock_timestamp();
    settings jsonb;
    former text;
    row_now record;
    run runbell.runs;
BEGIN
    IF current_setting('runbell.capture_gave_up', true) = 'on' THEN
        RETURN NULL;
    END IF;
    settings := TG_ARGV[1]::jsonb;
    EXECUTE format('SELECT %s FROM (SELECT ($1).*) AS t', runbell.read_table_sql(settings)) INTO row_now USING NEW;
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('SELECT %s FROM (SELECT ($1).*) AS t', runbell.map_status_sql(settings, 't'))
        INTO former USING OLD;
    END IF;
    IF row_now.status IS NULL OR row_now.status = former THEN
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
    RAISE WARNING 'runbell: a status change was not captured and is left to the reconciler: % (%)',
        left(regexp_replace(SQLERRM, '[^ -~]', '?', 'g'), 200), SQLSTATE;
    RETURN NULL;
END
$$
