-- Gives up leases of a daemon, and rings those who may take them.
-- $1 daemon_id    uuid
-- $2 sensor_names text[]
WITH held AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE s.lease_holder = $1 AND s.sensor_name = ANY ($2::text[])
    -- As everybody who locks several: one that was deploying at the same time deadlocked with this.
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
),
released AS (
    UPDATE runbell.sensors AS s
    SET lease_holder = NULL
    FROM held AS h
    WHERE s.sensor_name = h.sensor_name
    RETURNING s.sensor_name
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM released)
