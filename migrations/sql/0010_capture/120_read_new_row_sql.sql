-- The part of runbell.capture_table_row that reads the changed row of one source. It is planned once a session, where a
-- statement put together for each change took 60 of 165 us (PostgreSQL 18, one column of each kind).
CREATE FUNCTION runbell.read_new_row_sql(attached runbell.sources) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN format(
        $branch$
        ELSIF TG_ARGV[0] = %L AND TG_ARGV[1] = %L THEN
            SELECT %s, %s AS former INTO row_now;
        $branch$,
        attached.source, attached.settings - 'trigger', runbell.read_table_sql(attached.settings, 'new'),
        runbell.map_status_sql(attached.settings, 'old')
    );
END
$$
