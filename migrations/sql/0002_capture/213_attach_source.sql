-- Attaches a source, without any trigger yet; false: it was already. From here on the reconciler misses nothing.
-- No SECURITY DEFINER: whoever attaches needs the rights for it.
CREATE FUNCTION runbell.attach_source(source text, kind text, settings jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    known runbell.sources;
    fault text;
    watermark jsonb;
BEGIN
    PERFORM runbell.refuse_bad_name('source', attach_source.source);
    PERFORM runbell.refuse_bad_attachment(kind, settings);
    SELECT f INTO fault FROM runbell.find_source_faults(kind, settings) AS f LIMIT 1;
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO known FROM runbell.sources AS s WHERE s.source = attach_source.source;
    IF FOUND THEN
        IF known.kind <> attach_source.kind OR known.settings - 'trigger' <> attach_source.settings THEN
            RAISE EXCEPTION 'source % is already attached, to another table or with other columns: detach it first',
                attach_source.source USING ERRCODE = 'invalid_parameter_value';
        END IF;
        RETURN false;
    END IF;
    SELECT * INTO known FROM runbell.sources AS s
    WHERE s.kind = attach_source.kind AND s.settings ->> 'schema' = attach_source.settings ->> 'schema'
        AND s.settings ->> 'table' IS NOT DISTINCT FROM attach_source.settings ->> 'table';
    IF FOUND THEN
        RAISE EXCEPTION 'these runs are already attached, as source %: detach that first', known.source
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Before the notes: what happens in between is then found as a change, not taken for history.
    watermark := runbell.first_watermark(kind, settings);
    IF kind = 'dagster' THEN
        PERFORM runbell.note_dagster_runs(attach_source.source, attach_source.settings);
    ELSE
        PERFORM runbell.note_table_runs(attach_source.source, attach_source.settings);
    END IF;
    INSERT INTO runbell.sources (source, kind, settings, watermark)
    VALUES (
        attach_source.source, attach_source.kind, attach_source.settings || '{"trigger": "none"}', watermark
    );
    RETURN true;
END
$$
