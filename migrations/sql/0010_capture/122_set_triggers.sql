-- Gives an attached source its triggers: `form` is row, statement or none. False: somebody holds the table, try again.
-- Statements of the orchestrator queue up behind whoever waits for its table, so this one waits for 100 ms only.
CREATE OR REPLACE FUNCTION runbell.set_triggers(source text, form text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    attached runbell.sources;
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = set_triggers.source FOR UPDATE;
    IF attached.settings ->> 'trigger' = form
        AND NOT EXISTS (SELECT FROM runbell.find_trigger_faults(attached.source))
    THEN
        RETURN true;
    END IF;
    UPDATE runbell.sources AS s
    SET settings = s.settings || jsonb_build_object('trigger', form)
    WHERE s.source = set_triggers.source;
    PERFORM runbell.drop_triggers(attached);
    IF form = 'row' AND attached.kind = 'table' THEN
        PERFORM runbell.write_capture_table_row();
    END IF;
    IF form <> 'none' THEN
        PERFORM runbell.create_triggers(attached, form);
    END IF;
    RETURN true;
EXCEPTION
    WHEN lock_not_available THEN
        RETURN false;
    WHEN insufficient_privilege OR wrong_object_type OR invalid_object_definition OR feature_not_supported THEN
        RAISE EXCEPTION 'no trigger on %.%: % (--no-trigger does without one)', attached.settings ->> 'schema',
            runbell.source_table(attached), SQLERRM
            USING ERRCODE = 'invalid_parameter_value';
END
$$
