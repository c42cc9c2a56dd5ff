-- The SQL that reads a run from a row of a `table` source: what follows SELECT, for rows under this alias.
-- One text for triggers, reconciler and attaching: they must see the same ids and statuses. Everything is cast to text.
CREATE FUNCTION runbell.read_table_sql(settings jsonb, alias text DEFAULT 't') RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format(
        '%1$I.%2$I::text AS run_id, %1$I.%3$I::text AS job_name, %1$I.%4$I::text AS native_status, %5$s AS status, '
        '%6$s AS partition_key, %7$s AS tags, %8$s AS code_location',
        alias, settings ->> 'id', settings ->> 'job', settings ->> 'status',
        runbell.map_status_sql(settings, alias),
        runbell.optional_column_sql(settings ->> 'partition', alias),
        runbell.optional_column_sql(settings ->> 'tags', alias),
        runbell.optional_column_sql(settings ->> 'location', alias)
    );
END
$$
