-- Moves a sensor to a place, and raises its epoch: whatever was evaluated from the former one is fenced off, and the
-- daemons, which are told, take the lease anew. What waits for a retry and lies beyond the new place is evaluated by
-- coming by it, so its row goes.
-- $1 sensor_name text
-- $2 position    text    pg_snapshot
-- → sensor_name, removed (rows)
WITH moved AS (
    UPDATE runbell.sensors AS s
    SET position = $2::text::pg_snapshot,
        upper = NULL,
        last_xid = NULL,
        last_event_id = NULL,
        lease_epoch = s.lease_epoch + 1
    WHERE s.sensor_name = $1
    RETURNING s.sensor_name, s.position
),
removed AS (
    DELETE FROM runbell.evaluations AS v
    USING moved AS m, runbell.run_events AS e
    WHERE v.sensor_name = m.sensor_name
        AND v.replay = 0
        AND e.event_id = v.event_id
        AND NOT pg_visible_in_snapshot(e.xid, m.position)
    RETURNING v.evaluation_id
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_leases') AS rung WHERE EXISTS (SELECT FROM moved)
)
SELECT m.sensor_name, (SELECT count(*) FROM removed) AS removed
FROM moved AS m
LEFT JOIN rung AS r ON true
