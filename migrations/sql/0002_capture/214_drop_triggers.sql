-- Removes a source's triggers from the orchestrator's table. Takes its lock, so callers set a short lock_timeout.
CREATE FUNCTION runbell.drop_triggers(attached runbell.sources) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE t.tgname IN ('runbell_capture_insert', 'runbell_capture_update') AND t.tgparentid = 0
            AND n.nspname = attached.settings ->> 'schema' AND c.relname = runbell.source_table(attached)
    LOOP
        EXECUTE format(
            'DROP TRIGGER %I ON %I.%I', found.tgname, attached.settings ->> 'schema', runbell.source_table(attached)
        );
    END LOOP;
END
$$
