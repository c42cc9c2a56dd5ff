-- A page of dead letters, the newest first: all, or those of a sensor.
-- $1 sensor_name text  null: any
-- $2 before bigint     evaluation_id; null: from the newest on
-- $3 row_limit bigint
WITH found AS (
    (
        SELECT v.*
        FROM runbell.evaluations AS v
        WHERE $1::text IS NULL AND v.state = 'dead' AND v.evaluation_id < coalesce($2::bigint, 9223372036854775807)
        ORDER BY v.evaluation_id DESC
        LIMIT $3::bigint
    )
    UNION ALL
    (
        SELECT v.*
        FROM runbell.evaluations AS v
        WHERE v.sensor_name = $1::text
            AND v.state = 'dead'
            AND v.evaluation_id < coalesce($2::bigint, 9223372036854775807)
        ORDER BY v.evaluation_id DESC
        LIMIT $3::bigint
    )
)
SELECT
    v.evaluation_id,
    v.sensor_name,
    v.event_id,
    v.attempts,
    right(v.error, 2000) AS error,
    to_json(v.updated_at) #>> '{}' AS updated_at,
    e.source,
    e.run_id,
    e.job_name,
    e.status
FROM found AS v
LEFT JOIN runbell.run_events AS e ON e.event_id = v.event_id
ORDER BY v.evaluation_id DESC
