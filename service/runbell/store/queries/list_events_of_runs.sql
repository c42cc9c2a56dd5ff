-- The events of these runs, in the order in which they were recorded, up to a limit.
-- $1 sources text[]
-- $2 run_ids text[]
-- $3 row_limit bigint
SELECT
    e.event_id,
    e.source,
    e.run_id,
    e.job_name,
    e.code_location,
    e.status,
    left(e.message, 2000) AS message,
    to_json(e.recorded_at) #>> '{}' AS recorded_at
FROM unnest($1::text[], $2::text[]) AS k (source, run_id)
JOIN runbell.run_events AS e ON e.source = k.source AND e.run_id = k.run_id
ORDER BY e.event_id
LIMIT $3::bigint
