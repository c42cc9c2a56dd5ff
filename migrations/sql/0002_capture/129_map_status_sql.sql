-- The SQL for the status that a row of a `table` source has: mapped if the map names it, in upper case.
CREATE FUNCTION runbell.map_status_sql(settings jsonb, alias text) RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF coalesce(settings -> 'map', '{}') = '{}' THEN
        RETURN format('upper(%I.%I::text)', alias, settings ->> 'status');
    END IF;
    RETURN format(
        'upper(coalesce(%L::jsonb ->> (%I.%I::text), %I.%I::text))',
        settings ->> 'map', alias, settings ->> 'status', alias, settings ->> 'status'
    );
END
$$
