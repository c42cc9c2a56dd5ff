-- What Dagster's row of a run says, as a row of runbell.runs. The row comes as JSON, so that a column that another
-- version of Dagster does not have is merely unknown.
CREATE FUNCTION runbell.describe_dagster_run(source text, given jsonb) RETURNS runbell.runs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run runbell.runs;
    body jsonb := runbell.read_object(given ->> 'run_body');
BEGIN
    run.source := describe_dagster_run.source;
    run.run_id := given ->> 'run_id';
    run.job_name := coalesce(given ->> 'pipeline_name', '(unnamed)');
    run.status := upper(given ->> 'status');
    run.tags := CASE WHEN jsonb_typeof(body -> 'tags') = 'object' THEN body -> 'tags' ELSE '{}' END;
    run.run_config := CASE WHEN jsonb_typeof(body -> 'run_config') = 'object' THEN body -> 'run_config' ELSE '{}' END;
    run.code_location := coalesce(
        nullif(run.tags ->> 'dagster/code_location', ''),
        nullif(substring(run.tags ->> '.dagster/repository' FROM '@(.*)$'), '')
    );
    run.partition_key := coalesce(given ->> 'partition', run.tags ->> 'dagster/partition');
    run.created_at := (given ->> 'create_timestamp')::timestamp AT TIME ZONE 'UTC';
    run.started_at := to_timestamp((given ->> 'start_time')::double precision);
    run.ended_at := to_timestamp((given ->> 'end_time')::double precision);
    RETURN run;
END
$$
