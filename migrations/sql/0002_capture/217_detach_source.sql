-- Detaches a source: its triggers and its row go, what was recorded stays. False: somebody holds the table, try again.
CREATE FUNCTION runbell.detach_source(source text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    attached runbell.sources;
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = detach_source.source FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source % is not attached', detach_source.source USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM runbell.drop_triggers(attached);
    DELETE FROM runbell.overtaken AS o WHERE o.source = detach_source.source;
    DELETE FROM runbell.sources AS s WHERE s.source = detach_source.source;
    RETURN true;
EXCEPTION
    WHEN lock_not_available THEN
        RETURN false;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the triggers on %.% stay: %', attached.settings ->> 'schema', runbell.source_table(attached),
            SQLERRM
            USING ERRCODE = 'invalid_parameter_value';
END
$$
