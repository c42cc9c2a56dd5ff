-- Names and ids are there, and short enough for every index that they stand in.
CREATE FUNCTION runbell.refuse_bad_name(argument text, given text) RETURNS void
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF given IS NULL OR given = '' THEN
        RAISE EXCEPTION 'runbell: % must not be %', argument, CASE WHEN given IS NULL THEN 'null' ELSE 'empty' END
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(given) > 500 THEN
        RAISE EXCEPTION 'runbell: % has % bytes, at most 500 are allowed', argument, octet_length(given)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$
