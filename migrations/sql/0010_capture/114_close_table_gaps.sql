-- One round for a `table` source; the caller holds the source's row. Gives the number of events recorded.
-- A change and its captured event become visible together, so a row whose status is not the known one was missed.
-- Only rows written since the snapshot of the last round are compared: their xmin cannot have been visible in it.
CREATE OR REPLACE FUNCTION runbell.close_table_gaps(attached runbell.sources, most integer) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settings jsonb := attached.settings;
    former pg_snapshot := (attached.watermark ->> 'snapshot')::pg_snapshot;
    now_at pg_snapshot := pg_current_snapshot();
    gap record;
    run runbell.runs;
    compared integer := 0;
    recorded integer := 0;
BEGIN
    FOR gap IN EXECUTE format(
        $query$
        SELECT g.*, known.seen
        FROM (SELECT %s FROM %I.%I AS t WHERE %s) AS g
        LEFT JOIN LATERAL (
            SELECT k.xmin AS seen, k.status
            FROM runbell.runs AS k
            WHERE k.source = $1 AND k.run_id = g.run_id
            OFFSET 0
        ) AS known ON true
        WHERE octet_length(g.run_id) BETWEEN 1 AND 500
            AND g.status IS NOT NULL AND g.status IS DISTINCT FROM known.status
        LIMIT $2
        $query$,
        runbell.read_table_sql(settings, 't'), settings ->> 'schema', settings ->> 'table',
        runbell.written_since_sql(settings, former)
    )
    USING attached.source, most
    LOOP
        compared := compared + 1;
        BEGIN
            run := runbell.describe_table_run(
                attached.source, gap.run_id, gap.job_name, gap.status, gap.partition_key, gap.tags, gap.code_location
            );
            IF runbell.claim_run(run, gap.seen) THEN
                PERFORM runbell.keep_run(run);
                PERFORM runbell.add_event(run, run.status, gap.native_status);
                recorded := recorded + 1;
            END IF;
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'runbell: missed status change of run % cannot be recorded: %', gap.run_id, SQLERRM;
        END;
    END LOOP;
    -- Otherwise something is left, and the next round looks at the same rows again.
    IF compared < most AND recorded = compared THEN
        UPDATE runbell.sources AS s
        SET watermark = jsonb_build_object('snapshot', now_at::text)
        WHERE s.source = attached.source;
    END IF;
    RETURN recorded;
END
$$
