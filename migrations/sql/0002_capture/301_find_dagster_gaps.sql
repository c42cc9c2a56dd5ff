-- The runs of which status changes were not captured: the statuses in their order, the row of Dagster's, and which
-- version of Runbell's row this was compared with (null: there is none).
-- Two comparisons. Of histories: events above the watermark whose status was never recorded for their run; only those
-- that the run's row has reached, because Dagster commits the event a moment before the row and the trigger captures
-- the row; or that are older than a minute, because a crash between the two leaves the event alone for ever.
-- Of rows: a status that is not the one known. The newest runs, those above the watermark and one page of the rest.
CREATE FUNCTION runbell.find_dagster_gaps(attached runbell.sources, sweep_to bigint, most integer)
RETURNS TABLE (statuses text[], facts jsonb, seen xid)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format(
        $query$
        WITH history AS MATERIALIZED (
            SELECT
                e.id, e.run_id, m.status,
                e."timestamp" < (clock_timestamp() AT TIME ZONE 'UTC') - interval '1 minute' AS overdue
            FROM runbell.dagster_event_types() AS m
            CROSS JOIN LATERAL (
                SELECT l.id, l.run_id, l."timestamp"
                FROM %1$I.event_logs AS l
                WHERE l.dagster_event_type = m.event_type AND l.id > $2
            ) AS e
        ),
        reached AS (
            SELECT h.run_id, max(h.id) AS id
            FROM history AS h
            JOIN %1$I.runs AS r ON r.run_id = h.run_id AND upper(r.status) = h.status
            GROUP BY h.run_id
        ),
        missing AS (
            SELECT h.run_id, h.status, min(h.id) AS id
            FROM history AS h
            LEFT JOIN reached AS w ON w.run_id = h.run_id
            WHERE (h.overdue OR h.id <= w.id)
                AND NOT EXISTS (
                    SELECT FROM runbell.run_events AS v
                    WHERE v.source = $1 AND v.run_id = h.run_id AND v.status = h.status
                )
            GROUP BY h.run_id, h.status
        ),
        candidates AS (
            SELECT r.id, r.run_id, r.status
            FROM %1$I.runs AS r
            WHERE r.run_id IN (SELECT h.run_id FROM history AS h)
            UNION
            SELECT r.id, r.run_id, r.status FROM %1$I.runs AS r WHERE r.id > $3
            UNION
            (SELECT r.id, r.run_id, r.status FROM %1$I.runs AS r ORDER BY r.id DESC LIMIT 500)
            UNION
            SELECT r.id, r.run_id, r.status FROM %1$I.runs AS r WHERE r.id > $4 AND r.id <= $5
        ),
        changed AS (
            SELECT r.run_id, upper(r.status) AS status
            FROM candidates AS r
            LEFT JOIN LATERAL (
                SELECT k.status FROM runbell.runs AS k WHERE k.source = $1 AND k.run_id = r.run_id OFFSET 0
            ) AS known ON true
            -- A run that nothing is known of was passed long ago, unless it is above the watermark.
            WHERE r.status IS NOT NULL AND upper(r.status) IS DISTINCT FROM known.status
                AND (known.status IS NOT NULL OR r.id > $3)
        ),
        due AS (
            SELECT m.run_id, m.status, m.id
            FROM missing AS m
            WHERE NOT EXISTS (SELECT FROM changed AS c WHERE c.run_id = m.run_id AND c.status = m.status)
            UNION ALL
            SELECT c.run_id, c.status, NULL
            FROM changed AS c
        ),
        per_run AS (
            SELECT d.run_id, array_agg(d.status ORDER BY d.id NULLS LAST) AS statuses
            FROM due AS d
            GROUP BY d.run_id
        )
        SELECT p.statuses, to_jsonb(r.*), known.xmin
        FROM per_run AS p
        JOIN %1$I.runs AS r ON r.run_id = p.run_id
        LEFT JOIN runbell.runs AS known ON known.source = $1 AND known.run_id = p.run_id
        ORDER BY r.id
        LIMIT $6
        $query$,
        attached.settings ->> 'schema'
    )
    USING attached.source, (attached.watermark ->> 'event')::bigint, (attached.watermark ->> 'run')::bigint,
        (attached.watermark ->> 'swept')::bigint, sweep_to, most;
END
$$
