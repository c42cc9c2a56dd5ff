-- Sensors by name, each with its state, what that comes to, and its evaluations that wait; `document` is the row as JSON.
-- Orphaned, as runbell.is_orphaned: a live daemon has deployed its module, without it.
-- $1 row_limit integer  null: all
WITH waiting AS (
    SELECT
        v.sensor_name,
        count(*) FILTER (WHERE v.state <> 'dead') AS retrying,
        count(*) FILTER (WHERE v.state = 'dead') AS dead
    FROM runbell.evaluations AS v
    GROUP BY v.sensor_name
),
listed AS (
    SELECT
        s.sensor_name,
        s.state,
        s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
        s.module,
        NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.deployed_by)
            AND EXISTS (
                SELECT FROM runbell.daemons AS d
                WHERE d.module = s.module AND d.code_location IS NOT DISTINCT FROM s.code_location
                    AND EXISTS (SELECT FROM runbell.sensors AS o WHERE o.deployed_by = d.daemon_id)
            ) AS orphaned,
        s.apart,
        coalesce(w.retrying, 0) AS retrying,
        coalesce(w.dead, 0) AS dead,
        s.last_outcome,
        s.last_evaluated_at,
        s.deployed_at,
        s.filter
    FROM runbell.sensors AS s
    LEFT JOIN waiting AS w ON w.sensor_name = s.sensor_name
)
SELECT
    to_json(l)::text AS document,
    l.sensor_name,
    l.state,
    l.active,
    l.module,
    l.orphaned,
    l.retrying,
    l.dead,
    l.last_outcome,
    l.last_evaluated_at::text AS last_evaluated_at
FROM listed AS l
ORDER BY l.sensor_name
LIMIT $1::integer
