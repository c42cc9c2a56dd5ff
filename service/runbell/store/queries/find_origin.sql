-- The request that a run was started for, and the run whose event it answers.
-- $1 source text
-- $2 run_id text
SELECT
    q.request_id,
    q.sensor_name,
    q.event_id,
    e.source,
    e.run_id,
    e.job_name,
    e.status
FROM runbell.run_requests AS q
LEFT JOIN runbell.run_events AS e ON e.event_id = q.event_id
WHERE q.run_id = $2::text AND q.target = $1::text
ORDER BY q.request_id
LIMIT 1
