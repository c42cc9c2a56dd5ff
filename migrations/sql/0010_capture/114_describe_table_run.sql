-- What a row of a `table` source says, as a row of runbell.runs. What most rows have not is not looked into: a call
-- that finds nothing took 3 us of each status change.
CREATE OR REPLACE FUNCTION runbell.describe_table_run(
    source text, run_id text, job_name text, status text, partition_key text, tags text, code_location text
) RETURNS runbell.runs
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run runbell.runs;
BEGIN
    IF describe_table_run.run_id IS NULL OR octet_length(describe_table_run.run_id) NOT BETWEEN 1 AND 500 THEN
        PERFORM runbell.refuse_bad_name('run id', describe_table_run.run_id);
    END IF;
    run.source := describe_table_run.source;
    run.run_id := describe_table_run.run_id;
    run.job_name := coalesce(describe_table_run.job_name, '(unnamed)');
    run.status := describe_table_run.status;
    run.tags := '{}';
    IF describe_table_run.tags IS NOT NULL THEN
        run.tags := runbell.read_object(describe_table_run.tags);
    END IF;
    run.partition_key := coalesce(describe_table_run.partition_key, run.tags ->> 'dagster/partition');
    run.code_location := describe_table_run.code_location;
    RETURN run;
END
$$
