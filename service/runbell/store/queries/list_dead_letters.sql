-- The newest dead letters, or one; `document` is the row with its event as JSON. An event may be gone by now.
-- $1 evaluation_id bigint  null: any
-- $2 sensor_name text      null: any
-- $3 older_than float8     seconds since it was given up, at least; null: any
-- $4 row_limit integer
WITH listed AS (
    SELECT
        v.evaluation_id,
        v.sensor_name,
        v.event_id,
        v.replay,
        v.attempts,
        v.error,
        v.created_at,
        v.updated_at,
        e.source,
        e.run_id,
        e.job_name,
        e.code_location,
        e.status,
        e.native_status,
        e.partition_key,
        e.tags,
        e.message,
        e.error AS run_error,
        e.recorded_at
    FROM runbell.evaluations AS v
    LEFT JOIN runbell.run_events AS e ON e.event_id = v.event_id
    WHERE v.state = 'dead'
        AND ($1::bigint IS NULL OR v.evaluation_id = $1::bigint)
        AND ($2::text IS NULL OR v.sensor_name = $2::text)
        AND ($3::float8 IS NULL OR v.updated_at <= clock_timestamp() - make_interval(secs => $3::float8))
    ORDER BY v.evaluation_id DESC
    LIMIT $4::integer
)
SELECT
    to_json(l)::text AS document,
    l.evaluation_id,
    l.sensor_name,
    l.event_id,
    l.replay,
    l.source,
    l.run_id,
    l.job_name,
    l.code_location,
    l.status,
    l.native_status,
    l.partition_key,
    l.tags::text AS tags,
    l.message,
    l.run_error::text AS run_error,
    l.recorded_at::text AS recorded_at,
    l.attempts,
    l.error,
    l.created_at::text AS created_at,
    l.updated_at::text AS updated_at
FROM listed AS l
ORDER BY l.evaluation_id DESC
