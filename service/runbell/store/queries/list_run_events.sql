-- The status changes of these runs in the order in which they were recorded, by what filters look at.
-- $1 sources text[]
-- $2 run_ids text[]
-- $3 row_limit bigint
-- → source, run_id, event_id, recorded_at, message, status, job_name, code_location, requester, partition_key, tags
SELECT
    e.source,
    e.run_id,
    e.event_id,
    to_json(e.recorded_at) #>> '{}' AS recorded_at,
    left(e.message, 2000) AS message,
    e.status,
    e.job_name,
    e.code_location,
    coalesce(
        (SELECT q.sensor_name FROM runbell.run_requests AS q WHERE q.run_id = e.run_id AND q.target = e.source LIMIT 1),
        (
            SELECT q.sensor_name
            FROM runbell.run_requests AS q
            WHERE q.request_id = CASE
                WHEN e.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (e.tags ->> 'runbell/request_id')::bigint
            END
        )
    ) AS requester,
    coalesce(e.partition_key, e.tags ->> 'dagster/partition') AS partition_key,
    e.tags::text AS tags
FROM unnest($1::text[], $2::text[]) AS k (source, run_id)
JOIN runbell.run_events AS e ON e.source = k.source AND e.run_id = k.run_id
ORDER BY e.event_id
LIMIT $3::bigint
