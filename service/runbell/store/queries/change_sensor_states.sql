-- Starts or stops sensors, or returns them to what their code says. The epoch is raised: whatever is being evaluated by
-- the state that held is fenced off, and the daemons, which are told, take the leases anew. One that becomes active and
-- has never been started gets what happens from this moment on; one that was stopped keeps its place.
-- The snapshot is of a statement whose transaction has written no event.
-- $1 sensor_names text[]
-- $2 state        text    declared, running, stopped
-- → sensor_name, active (what it comes to), was_active
WITH given AS MATERIALIZED (
    SELECT
        s.sensor_name,
        s.state = 'running' OR s.state = 'declared' AND s.declared_active AS was_active,
        $2::text = 'running' OR $2::text = 'declared' AND s.declared_active AS active
    FROM runbell.sensors AS s
    WHERE s.sensor_name = ANY ($1::text[])
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
),
changed AS (
    UPDATE runbell.sensors AS s
    SET state = $2::text,
        lease_epoch = s.lease_epoch + 1,
        position = CASE WHEN s.position IS NULL AND g.active THEN pg_current_snapshot() ELSE s.position END
    FROM given AS g
    WHERE s.sensor_name = g.sensor_name
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_leases') AS rung WHERE EXISTS (SELECT FROM given)
)
SELECT g.sensor_name, g.active, g.was_active
FROM given AS g
LEFT JOIN rung AS r ON true
ORDER BY g.sensor_name
