-- Puts a source's triggers on the orchestrator's table: `form` is row or statement. That the status has changed stands
-- in the trigger's WHEN, so other updates of a run cost nothing.
CREATE FUNCTION runbell.create_triggers(attached runbell.sources, form text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := format('%I.%I', attached.settings ->> 'schema', runbell.source_table(attached));
    status text := CASE attached.kind WHEN 'dagster' THEN 'status' ELSE attached.settings ->> 'status' END;
    call text := CASE attached.kind
        WHEN 'dagster' THEN format('runbell.capture_dagster_run(%L)', attached.source)
        ELSE format(
            'runbell.capture_table_%s(%L, %L)', CASE form WHEN 'row' THEN 'row' ELSE 'rows' END, attached.source,
            attached.settings - 'trigger'
        )
    END;
BEGIN
    IF form = 'row' THEN
        EXECUTE format(
            'CREATE TRIGGER runbell_capture_insert AFTER INSERT ON %s FOR EACH ROW '
            'WHEN (NEW.%I::text IS NOT NULL) EXECUTE FUNCTION %s',
            target, status, call
        );
        EXECUTE format(
            'CREATE TRIGGER runbell_capture_update AFTER UPDATE ON %s FOR EACH ROW '
            'WHEN (OLD.%2$I::text IS DISTINCT FROM NEW.%2$I::text) EXECUTE FUNCTION %3$s',
            target, status, call
        );
    ELSE
        EXECUTE format(
            'CREATE TRIGGER runbell_capture_insert AFTER INSERT ON %s '
            'REFERENCING NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION %s',
            target, call
        );
        EXECUTE format(
            'CREATE TRIGGER runbell_capture_update AFTER UPDATE ON %s '
            'REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION %s',
            target, call
        );
    END IF;
END
$$
