-- The text as jsonb, or null if there is no way to read it. What jsonb cannot store (NUL, halves of surrogate pairs) is
-- replaced, so that one such character costs neither the tags nor the error it stands in.
CREATE FUNCTION runbell.read_json(given text) RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Parsing is part of the orchestrator's transaction: beyond this size it would be felt.
    IF octet_length(given) > 8388608 THEN
        RETURN NULL;
    END IF;
    RETURN given::jsonb;
EXCEPTION WHEN OTHERS THEN
    BEGIN
        RETURN regexp_replace(given, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::jsonb;
    EXCEPTION WHEN OTHERS THEN
        RETURN NULL;
    END;
END
$$
