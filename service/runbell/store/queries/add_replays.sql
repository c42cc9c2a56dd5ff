-- Has a sensor evaluate events once more, now; its attempts count anew. Only those that its place has passed: the others
-- it comes by anyway. What is being called at this moment is left alone.
-- $1 sensor_name text
-- $2 event_ids   bigint[]
-- $3 replay      bigint   0: as the first time, so that requests already made are not doubled
-- → event_id
WITH asked AS MATERIALIZED (
    INSERT INTO runbell.evaluations AS v (sensor_name, event_id, replay, state, attempts, due_at)
    SELECT s.sensor_name, e.event_id, $3::bigint, 'retry', 0, clock_timestamp()
    FROM runbell.sensors AS s
    JOIN runbell.run_events AS e ON e.event_id = ANY ($2::bigint[])
    WHERE s.sensor_name = $1
        AND s.position IS NOT NULL
        AND (
            pg_visible_in_snapshot(e.xid, s.position)
            OR s.upper IS NOT NULL
                AND pg_visible_in_snapshot(e.xid, s.upper)
                AND (e.xid, e.event_id) <= (s.last_xid, s.last_event_id)
        )
    ORDER BY e.event_id
    ON CONFLICT ON CONSTRAINT evaluations_once_per_event DO UPDATE
    SET state = 'retry',
        attempts = 0,
        due_at = excluded.due_at,
        created_at = excluded.created_at,
        updated_at = excluded.updated_at
    WHERE v.state <> 'running'
    RETURNING v.event_id
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_leases') AS rung WHERE EXISTS (SELECT FROM asked)
)
SELECT a.event_id
FROM asked AS a
LEFT JOIN rung AS r ON true
ORDER BY a.event_id
