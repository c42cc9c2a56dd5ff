-- Sensors that keep old events from being removed: they have not passed events that are older than those are kept.
-- $1 keep_seconds float8
-- $2 row_limit    bigint
-- → document and its cells: sensor_name, active, expired_events, event_id and recorded_at of the first one not passed
WITH holding AS (
    SELECT
        s.sensor_name,
        s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
        s.expired_events,
        e.event_id,
        e.recorded_at
    FROM runbell.sensors AS s
    CROSS JOIN LATERAL (
        SELECT f.event_id, f.recorded_at
        FROM runbell.run_events AS f
        WHERE f.xid >= pg_snapshot_xmin(s.position)
        ORDER BY f.xid, f.event_id
        LIMIT 1
    ) AS e
    -- As runbell.is_orphaned, which who only reads may not call.
    WHERE (
            EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.deployed_by)
            OR NOT EXISTS (
                SELECT FROM runbell.daemons AS d
                WHERE d.module = s.module AND d.code_location IS NOT DISTINCT FROM s.code_location
                    AND EXISTS (SELECT FROM runbell.sensors AS o WHERE o.deployed_by = d.daemon_id)
            )
        )
        AND e.recorded_at < now() - make_interval(secs => $1::float8)
)
SELECT
    to_json(h)::text AS document, h.sensor_name, h.active, h.expired_events, h.event_id,
    h.recorded_at::text AS recorded_at
FROM holding AS h
ORDER BY h.recorded_at, h.sensor_name
LIMIT $2::bigint
