-- An orchestrator's error in the one form of the contract: message, cls_name, stack, cause. What is no object is kept
-- as the message.
CREATE FUNCTION runbell.plain_error(given jsonb, depth integer DEFAULT 0) RETURNS jsonb
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given IS NULL OR jsonb_typeof(given) = 'null' OR depth > 50 THEN
        RETURN NULL;
    ELSIF jsonb_typeof(given) <> 'object' THEN
        RETURN jsonb_build_object('message', given #>> '{}');
    END IF;
    RETURN jsonb_build_object(
        'message', given ->> 'message',
        'cls_name', given ->> 'cls_name',
        'stack', CASE jsonb_typeof(given -> 'stack')
            WHEN 'array' THEN given -> 'stack'
            WHEN 'string' THEN jsonb_build_array(given -> 'stack')
            ELSE '[]'
        END,
        'cause', runbell.plain_error(given -> 'cause', depth + 1)
    );
END
$$
