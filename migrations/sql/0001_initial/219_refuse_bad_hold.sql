CREATE FUNCTION runbell.refuse_bad_hold(hold interval) RETURNS void
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF hold IS NULL OR hold <= interval '0' THEN
        RAISE EXCEPTION 'runbell: hold must be longer than zero, not %', coalesce(hold::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
END
$$
