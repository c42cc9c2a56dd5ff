-- The SQL for a column that a `table` source may have, of the row with this alias.
CREATE FUNCTION runbell.optional_column_sql(name text, alias text) RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF name IS NULL THEN
        RETURN 'NULL::text';
    END IF;
    RETURN format('%I.%I::text', alias, name);
END
$$
