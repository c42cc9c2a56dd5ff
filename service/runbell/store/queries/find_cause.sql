-- The run whose status change led to this run, if it was requested.
-- $1 source text
-- $2 run_id text
-- → source, run_id
SELECT e.source, e.run_id
FROM runbell.run_requests AS q
JOIN runbell.run_events AS e ON e.event_id = q.event_id
WHERE (q.run_id = $2 AND q.target = $1)
    OR q.request_id = (
        SELECT CASE
            WHEN r.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (r.tags ->> 'runbell/request_id')::bigint
        END
        FROM runbell.runs AS r
        WHERE r.source = $1 AND r.run_id = $2
    )
LIMIT 1
