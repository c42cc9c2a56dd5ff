-- The newest requests, optionally of one state or one sensor; `document` is the whole row as JSON.
-- $1 state text
-- $2 sensor_name text
-- $3 row_limit integer
WITH listed AS (
    SELECT
        q.request_id,
        q.sensor_name,
        q.event_id,
        q.replay,
        q.ordinal,
        q.target,
        q.job_name,
        q.code_location,
        q.run_key,
        q.partition_key,
        q.asset_selection,
        q.run_config,
        q.tags,
        q.state,
        q.run_id,
        q.claimed_by,
        q.claimed_until,
        q.attempts,
        q.error,
        q.due_at,
        q.requested_at,
        q.launched_at
    FROM runbell.run_requests AS q
    WHERE ($1::text IS NULL OR q.state = $1::text)
        AND ($2::text IS NULL OR q.sensor_name = $2::text)
    ORDER BY q.request_id DESC
    LIMIT $3::integer
)
SELECT
    to_json(l)::text AS document,
    l.request_id,
    l.sensor_name,
    l.event_id,
    l.target,
    l.job_name,
    l.run_key,
    l.partition_key,
    l.state,
    l.run_id,
    l.attempts,
    l.error,
    l.requested_at::text AS requested_at
FROM listed AS l
ORDER BY l.request_id DESC
