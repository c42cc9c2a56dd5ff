-- What is wrong with an attached source, one sentence each; nothing: all is well.
CREATE FUNCTION runbell.check_attached(source text) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    attached runbell.sources;
BEGIN
    SELECT * INTO attached FROM runbell.sources AS s WHERE s.source = check_attached.source;
    IF NOT FOUND THEN
        RETURN NEXT format('source %s is not attached', check_attached.source);
        RETURN;
    END IF;
    RETURN QUERY SELECT * FROM runbell.find_source_faults(attached.kind, attached.settings);
    RETURN QUERY SELECT * FROM runbell.find_trigger_faults(attached.source);
END
$$
