-- The recorded changes of a run's status, oldest first.
-- $1 source text
-- $2 run_id text
SELECT
    e.status,
    e.job_name,
    e.message,
    e.error::text AS error,
    extract(epoch FROM e.recorded_at)::float8 AS recorded_at
FROM runbell.run_events AS e
WHERE e.source = $1 AND e.run_id = $2
ORDER BY e.event_id
