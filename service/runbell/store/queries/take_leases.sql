-- Takes the leases of these sensors where nobody live holds them; each taking raises the epoch, which fences off
-- whoever held it. Waits for a settlement that is still being committed: its outcome is known afterwards.
-- $1 sensor_names text[]
-- $2 daemon_id    uuid
-- $3 dead         uuid[]  holders whose lease has ended
-- → sensor_name
WITH free AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE s.sensor_name = ANY ($1::text[])
        AND (
            s.lease_holder IS NULL
            OR s.lease_holder = $2
            OR s.lease_holder = ANY ($3::uuid[])
            OR NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.lease_holder)
        )
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
)
UPDATE runbell.sensors AS s
SET lease_holder = $2,
    lease_epoch = s.lease_epoch + 1
FROM free AS f
WHERE s.sensor_name = f.sensor_name
RETURNING s.sensor_name
