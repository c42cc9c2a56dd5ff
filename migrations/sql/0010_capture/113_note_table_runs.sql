-- The state at attach of a `table` source: each run with its status as it stands.
CREATE OR REPLACE FUNCTION runbell.note_table_runs(source text, settings jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format(
        $query$
        INSERT INTO runbell.runs AS known (source, run_id, job_name, code_location, status, partition_key, tags)
        SELECT
            $1, g.run_id, coalesce(g.job_name, '(unnamed)'), g.code_location, g.status, g.partition_key,
            runbell.read_object(g.tags)
        FROM (SELECT %s FROM %I.%I AS t) AS g
        WHERE octet_length(g.run_id) BETWEEN 1 AND 500 AND g.status IS NOT NULL
        ON CONFLICT ON CONSTRAINT runs_pkey DO UPDATE SET
            job_name = excluded.job_name,
            code_location = excluded.code_location,
            status = excluded.status,
            partition_key = excluded.partition_key,
            tags = excluded.tags,
            updated_at = excluded.updated_at
        $query$,
        runbell.read_table_sql(settings, 't'), settings ->> 'schema', settings ->> 'table'
    ) USING note_table_runs.source;
EXCEPTION WHEN cardinality_violation THEN
    RAISE EXCEPTION 'column % of table %.% is not unique: a run has one row', settings ->> 'id',
        settings ->> 'schema', settings ->> 'table'
        USING ERRCODE = 'invalid_parameter_value';
END
$$
