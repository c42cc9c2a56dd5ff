-- One dead letter, whole, with its event; an event may be gone by now.
-- $1 evaluation_id bigint
SELECT
    v.evaluation_id,
    v.sensor_name,
    v.event_id,
    v.replay,
    v.attempts,
    right(v.error, 100000) AS error,
    to_json(v.created_at) #>> '{}' AS created_at,
    to_json(v.updated_at) #>> '{}' AS updated_at,
    e.source,
    e.run_id,
    e.job_name,
    e.code_location,
    e.status,
    e.partition_key,
    left(jsonb_pretty(e.tags), 20000) AS tags,
    left(e.message, 20000) AS message,
    left(jsonb_pretty(e.error), 20000) AS run_error,
    to_json(e.recorded_at) #>> '{}' AS recorded_at
FROM runbell.evaluations AS v
LEFT JOIN runbell.run_events AS e ON e.event_id = v.event_id
WHERE v.evaluation_id = $1::bigint AND v.state = 'dead'
