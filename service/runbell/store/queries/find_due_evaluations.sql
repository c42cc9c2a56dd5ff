-- Which evaluations these sensors have to call: after a take-over those that the last holder left running, else retries;
-- and how long until then. Never both at once: what is running here would be taken for left behind.
-- $1 sensor_names text[]
-- $2 running      boolean  those that were left running
-- $3 count        bigint   at most
-- → evaluation_id, sensor_name, event_id, replay; due_in seconds: zero or less is due now
SELECT
    v.evaluation_id,
    v.sensor_name,
    v.event_id,
    v.replay,
    CASE
        WHEN v.state = 'running' OR v.due_at IS NULL THEN 0::float8
        -- A day is looked at again. Infinity, put in by hand, cannot be subtracted from before PostgreSQL 17.
        WHEN v.due_at > clock_timestamp() + interval '1 day' THEN 86400::float8
        WHEN v.due_at < clock_timestamp() THEN 0::float8
        ELSE extract(epoch FROM v.due_at - clock_timestamp())::float8
    END AS due_in
FROM runbell.evaluations AS v
WHERE v.sensor_name = ANY ($1::text[])
    AND v.state = CASE WHEN $2::boolean THEN 'running' ELSE 'retry' END
ORDER BY v.due_at, v.event_id
LIMIT $3
