-- The text as a JSON object; anything else is an empty one.
CREATE FUNCTION runbell.read_object(given text) RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found jsonb := runbell.read_json(given);
BEGIN
    RETURN CASE WHEN jsonb_typeof(found) = 'object' THEN found ELSE '{}' END;
END
$$
