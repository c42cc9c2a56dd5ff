-- The sensors that ask for the statuses of these events, each with what tells whether it has been evaluated for them.
-- Whether they ask for the events themselves is decided by their filters.
-- $1 event_ids bigint[]
-- $2 row_limit bigint
-- → event_id, sensor_name, filter, passed, status, job_name, code_location, requester, partition_key, tags
WITH events AS MATERIALIZED (
    -- Once an event, however many sensors ask for it.
    SELECT
        e.event_id,
        e.xid,
        e.status,
        e.job_name,
        e.code_location,
        coalesce(
            (
                SELECT q.sensor_name FROM runbell.run_requests AS q
                WHERE q.run_id = e.run_id AND q.target = e.source
                LIMIT 1
            ),
            (
                SELECT q.sensor_name
                FROM runbell.run_requests AS q
                WHERE q.request_id = CASE
                    WHEN e.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$'
                        THEN (e.tags ->> 'runbell/request_id')::bigint
                END
            )
        ) AS requester,
        coalesce(e.partition_key, e.tags ->> 'dagster/partition') AS partition_key,
        e.tags::text AS tags
    FROM runbell.run_events AS e
    WHERE e.event_id = ANY ($1::bigint[])
)
SELECT
    e.event_id,
    s.sensor_name,
    s.filter::text AS filter,
    s.position IS NOT NULL
        AND (
            pg_visible_in_snapshot(e.xid, s.position)
            OR (
                s.upper IS NOT NULL
                AND pg_visible_in_snapshot(e.xid, s.upper)
                AND (e.xid, e.event_id) <= (s.last_xid, s.last_event_id)
            )
        ) AS passed,
    e.status,
    e.job_name,
    e.code_location,
    e.requester,
    e.partition_key,
    e.tags
FROM events AS e
JOIN runbell.sensors AS s ON s.filter -> 'statuses' ? e.status
ORDER BY e.event_id, s.sensor_name
LIMIT $2::bigint
