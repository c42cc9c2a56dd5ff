-- The SQL that tells which rows of a `table` source, under the alias `t`, were written since a snapshot. All of them
-- where that cannot be told: in views, and after a restore into another cluster, whose transaction ids are lower.
CREATE FUNCTION runbell.written_since_sql(settings jsonb, former pg_snapshot) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    kind "char" := (
        SELECT c.relkind FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = settings ->> 'schema' AND c.relname = settings ->> 'table'
    );
BEGIN
    IF kind IN ('r', 'p') AND pg_snapshot_xmin(former) <= pg_snapshot_xmax(pg_current_snapshot()) THEN
        RETURN format('age(t.xmin) <= %s', age(pg_snapshot_xmin(former)::xid));
    END IF;
    RETURN 'true';
END
$$
