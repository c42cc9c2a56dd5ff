-- Which evaluations these sensors have to call now: retries that are due and, after a take-over, what the last holder
-- left running; and how long until the next retry.
-- $1 sensor_names text[]
-- $2 running      boolean  also those that were left running
-- $3 count        bigint   at most
-- → evaluation_id, sensor_name, event_id, replay; due_in seconds: zero or less is due now
SELECT
    v.evaluation_id,
    v.sensor_name,
    v.event_id,
    v.replay,
    CASE
        WHEN v.state = 'running' THEN 0::float8
        ELSE extract(epoch FROM v.due_at - clock_timestamp())::float8
    END AS due_in
FROM runbell.evaluations AS v
WHERE v.sensor_name = ANY ($1::text[])
    AND (v.state = 'retry' OR v.state = 'running' AND $2::boolean)
ORDER BY v.state = 'retry', v.due_at, v.event_id
LIMIT $3
