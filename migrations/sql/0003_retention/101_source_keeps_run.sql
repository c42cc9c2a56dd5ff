-- Does the orchestrator still have the row of this run? For as long as it has, `runs` keeps what is known of it: the
-- reconciler would take an unknown run for a missed one. Yes, if it cannot be told.
-- Asked in the column's own type, which the orchestrator's index is made of.
CREATE FUNCTION runbell.source_keeps_run(source text, run_id text) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    attached runbell.sources;
    id_column text;
    id_type text;
    kept boolean;
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = source_keeps_run.source;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    id_column := CASE attached.kind WHEN 'dagster' THEN 'run_id' ELSE attached.settings ->> 'id' END;
    SELECT format_type(a.atttypid, NULL) INTO id_type
    FROM pg_attribute AS a
    JOIN pg_class AS c ON c.oid = a.attrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = attached.settings ->> 'schema' AND c.relname = runbell.source_table(attached)
        AND a.attname = id_column AND a.attnum > 0;
    IF NOT FOUND THEN
        RETURN true;
    END IF;
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.%I AS t WHERE t.%I = $1::%s)',
        attached.settings ->> 'schema', runbell.source_table(attached), id_column, id_type
    )
    INTO kept
    USING source_keeps_run.run_id;
    RETURN kept;
EXCEPTION WHEN
    undefined_table OR undefined_column OR undefined_function OR insufficient_privilege OR lock_not_available
    OR data_exception
THEN
    RETURN true;
END
$$
