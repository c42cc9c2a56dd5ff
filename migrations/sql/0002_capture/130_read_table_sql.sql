-- The SQL that reads runs from the table of a `table` source: what follows SELECT, for rows under the alias `t`.
-- One text for trigger, reconciler and attaching: they must see the same ids and statuses. Everything is cast to text.
CREATE FUNCTION runbell.read_table_sql(settings jsonb) RETURNS text
LANGUAGE plpgsql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format(
        't.%I::text AS run_id, t.%I::text AS job_name, t.%I::text AS native_status, %s AS status, '
        '%s AS partition_key, %s AS tags, %s AS code_location',
        settings ->> 'id', settings ->> 'job', settings ->> 'status', runbell.map_status_sql(settings, 't'),
        runbell.optional_column_sql(settings ->> 'partition'),
        runbell.optional_column_sql(settings ->> 'tags'),
        runbell.optional_column_sql(settings ->> 'location')
    );
END
$$
