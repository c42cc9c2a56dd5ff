-- Gives up leases of a daemon, and rings those who may take them.
-- $1 daemon_id    uuid
-- $2 sensor_names text[]
WITH released AS (
    UPDATE runbell.sensors
    SET lease_holder = NULL
    WHERE lease_holder = $1 AND sensor_name = ANY ($2::text[])
    RETURNING sensor_name
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM released)
