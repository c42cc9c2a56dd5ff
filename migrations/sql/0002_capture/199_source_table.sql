-- The table whose rows are the runs of a source.
CREATE FUNCTION runbell.source_table(attached runbell.sources) RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$
SELECT CASE attached.kind WHEN 'dagster' THEN 'runs' ELSE attached.settings ->> 'table' END
$$
