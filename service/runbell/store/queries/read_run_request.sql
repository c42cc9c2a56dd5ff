-- One run request, whole, with the event that it answers.
-- $1 request_id bigint
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
    left(q.asset_selection::text, 20000) AS asset_selection,
    left(jsonb_pretty(q.run_config), 20000) AS run_config,
    left(jsonb_pretty(q.tags), 20000) AS tags,
    q.state,
    q.run_id,
    q.claimed_by,
    q.attempts,
    right(q.error, 20000) AS error,
    to_json(q.claimed_until) #>> '{}' AS claimed_until,
    to_json(q.due_at) #>> '{}' AS due_at,
    to_json(q.requested_at) #>> '{}' AS requested_at,
    to_json(q.launched_at) #>> '{}' AS launched_at,
    e.source AS event_source,
    e.run_id AS event_run_id,
    e.job_name AS event_job_name,
    e.status AS event_status
FROM runbell.run_requests AS q
LEFT JOIN runbell.run_events AS e ON e.event_id = q.event_id
WHERE q.request_id = $1::bigint
