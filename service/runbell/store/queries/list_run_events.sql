-- The status changes of a run in the order in which they were recorded, by what filters look at.
-- $1 source text
-- $2 run_id text
-- → event_id, xid, recorded_at, status, job_name, code_location, requester, partition_key, tags
SELECT
    e.event_id,
    e.xid::text::bigint AS xid,
    to_json(e.recorded_at) #>> '{}' AS recorded_at,
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
FROM runbell.run_events AS e
WHERE e.source = $1 AND e.run_id = $2
ORDER BY e.event_id
