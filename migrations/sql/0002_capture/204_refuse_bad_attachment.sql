-- What a source is attached with must be there before it is looked up: a kind, and for each table and column a name.
CREATE FUNCTION runbell.refuse_bad_attachment(kind text, settings jsonb) RETURNS void
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted text;
BEGIN
    IF kind IS NULL OR kind NOT IN ('dagster', 'table') THEN
        RAISE EXCEPTION 'kind is %, but it must be dagster or table', coalesce(quote_literal(kind), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF jsonb_typeof(settings) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'settings must be a JSON object' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH wanted IN ARRAY CASE kind
        WHEN 'dagster' THEN ARRAY['schema']
        ELSE ARRAY['schema', 'table', 'id', 'status', 'job', 'partition', 'tags', 'location']
    END LOOP
        CONTINUE WHEN wanted IN ('partition', 'tags', 'location') AND settings -> wanted IS NULL;
        IF jsonb_typeof(settings -> wanted) IS DISTINCT FROM 'string' OR settings ->> wanted = '' THEN
            RAISE EXCEPTION 'setting % is %, but it must be a name', wanted, coalesce(settings -> wanted, 'null')
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    IF jsonb_typeof(coalesce(settings -> 'map', '{}')) <> 'object' THEN
        RAISE EXCEPTION 'setting map is %, but it must be a JSON object', settings -> 'map'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$
