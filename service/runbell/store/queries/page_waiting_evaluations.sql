-- Evaluations of a sensor that wait for their next call or are being called, of its newest ones.
-- $1 sensor_name text
-- $2 scanned bigint    so many of its evaluations are looked at, dead letters among them
-- $3 row_limit bigint
SELECT
    v.evaluation_id,
    v.event_id,
    v.state,
    v.attempts,
    right(v.error, 20000) AS error,
    to_json(v.created_at) #>> '{}' AS created_at,
    to_json(v.due_at) #>> '{}' AS due_at,
    e.source,
    e.run_id,
    e.job_name,
    e.status
FROM (
    SELECT n.*
    FROM runbell.evaluations AS n
    WHERE n.sensor_name = $1::text
    ORDER BY n.event_id DESC
    LIMIT $2::bigint
) AS v
LEFT JOIN runbell.run_events AS e ON e.event_id = v.event_id
WHERE v.state <> 'dead'
ORDER BY v.event_id DESC
LIMIT $3::bigint
