-- What the tables hold and take, those that retention is about; rows and dead rows as the server estimates them.
-- → document and its cells: table_name, rows, dead_rows, bytes, size, oldest
WITH oldest AS (
    SELECT 'run_events' AS table_name, (SELECT e.recorded_at FROM runbell.run_events AS e ORDER BY e.event_id LIMIT 1) AS at
    UNION ALL
    SELECT 'run_requests', (SELECT q.requested_at FROM runbell.run_requests AS q ORDER BY q.request_id LIMIT 1)
    UNION ALL
    SELECT 'ticks', (SELECT t.settled_at FROM runbell.ticks AS t ORDER BY t.tick_id LIMIT 1)
    UNION ALL
    SELECT 'runs', NULL
    UNION ALL
    SELECT 'step_failures', (SELECT f.recorded_at FROM runbell.step_failures AS f ORDER BY f.step_failure_id LIMIT 1)
    UNION ALL
    SELECT 'run_keys', NULL
    UNION ALL
    SELECT 'evaluations', (SELECT v.created_at FROM runbell.evaluations AS v ORDER BY v.evaluation_id LIMIT 1)
),
measured AS (
    SELECT
        o.table_name,
        coalesce(s.n_live_tup, 0) AS rows,
        coalesce(s.n_dead_tup, 0) AS dead_rows,
        pg_total_relation_size(c.oid) AS bytes,
        pg_size_pretty(pg_total_relation_size(c.oid)) AS size,
        o.at AS oldest
    FROM oldest AS o
    JOIN pg_class AS c ON c.relname = o.table_name AND c.relnamespace = 'runbell'::regnamespace
    LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
)
SELECT to_json(m)::text AS document, m.table_name, m.rows, m.dead_rows, m.bytes, m.size, m.oldest::text AS oldest
FROM measured AS m
ORDER BY m.bytes DESC, m.table_name
