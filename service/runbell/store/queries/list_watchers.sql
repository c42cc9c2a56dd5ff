-- The sensors that ask for the statuses of these events, each with what tells whether it has been evaluated for them.
-- Whether they ask for the events themselves is decided by their filters.
-- $1 event_ids bigint[]
-- $2 row_limit bigint
-- → event_id, sensor_name, filter, active, passed
SELECT
    e.event_id,
    s.sensor_name,
    s.filter::text AS filter,
    s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
    s.position IS NOT NULL
        AND (
            pg_visible_in_snapshot(e.xid, s.position)
            OR (
                s.upper IS NOT NULL
                AND pg_visible_in_snapshot(e.xid, s.upper)
                AND (e.xid, e.event_id) <= (s.last_xid, s.last_event_id)
            )
        ) AS passed
FROM runbell.run_events AS e
JOIN runbell.sensors AS s ON s.filter -> 'statuses' ? e.status
WHERE e.event_id = ANY ($1::bigint[])
ORDER BY e.event_id, s.sensor_name
LIMIT $2::bigint
