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
FROM (
    -- A branch for each state: planned once for all arguments, only a constant lets the index of the retries be used.
    (
        SELECT r.*
        FROM runbell.evaluations AS r
        WHERE NOT $2::boolean AND r.state = 'retry' AND r.sensor_name = ANY ($1::text[])
        ORDER BY r.due_at, r.event_id
        LIMIT $3::bigint
    )
    UNION ALL
    (
        SELECT l.*
        FROM runbell.evaluations AS l
        WHERE $2::boolean AND l.state = 'running' AND l.sensor_name = ANY ($1::text[])
        ORDER BY l.due_at, l.event_id
        LIMIT $3::bigint
    )
) AS v
ORDER BY v.due_at, v.event_id
