-- Which of a source's triggers are not as they should be, one sentence each.
CREATE FUNCTION runbell.find_trigger_faults(source text) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached runbell.sources;
    wanted text;
    state "char";
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = find_trigger_faults.source;
    IF attached.settings ->> 'trigger' = 'none' THEN
        RETURN;
    END IF;
    FOREACH wanted IN ARRAY ARRAY['runbell_capture_insert', 'runbell_capture_update'] LOOP
        SELECT t.tgenabled INTO state
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_proc AS p ON p.oid = t.tgfoid
        WHERE t.tgname = wanted AND NOT t.tgisinternal
            AND n.nspname = attached.settings ->> 'schema' AND c.relname = runbell.source_table(attached)
            AND p.pronamespace = 'runbell'::regnamespace;
        IF NOT FOUND THEN
            RETURN NEXT format(
                'trigger %s on %I.%I is missing: attach again', wanted, attached.settings ->> 'schema',
                runbell.source_table(attached)
            );
        ELSIF state IN ('D', 'R') THEN
            RETURN NEXT format(
                'trigger %s on %I.%I is disabled: ALTER TABLE ... ENABLE TRIGGER', wanted,
                attached.settings ->> 'schema', runbell.source_table(attached)
            );
        END IF;
    END LOOP;
END
$$
