-- The request that led to this run, and the run whose status change it answers; null where that event is gone.
-- $1 source text
-- $2 run_id text
-- → request_id, sensor_name, source, run_id, job_name, status
SELECT q.request_id, q.sensor_name, e.source, e.run_id, e.job_name, e.status
FROM runbell.run_requests AS q
LEFT JOIN runbell.run_events AS e ON e.event_id = q.event_id
WHERE (q.run_id = $2 AND q.target = $1)
    OR q.request_id = (
        SELECT CASE
            WHEN r.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (r.tags ->> 'runbell/request_id')::bigint
        END
        FROM runbell.runs AS r
        WHERE r.source = $1 AND r.run_id = $2
    )
-- What the queue says of the run goes before what the run says of itself.
ORDER BY q.run_id IS NOT DISTINCT FROM $2 AND q.target = $1 DESC, q.request_id
LIMIT 1
