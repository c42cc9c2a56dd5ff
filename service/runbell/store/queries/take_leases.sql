-- Takes leases of these sensors that nobody live holds; each taking raises the epoch, which fences off whoever held it.
-- Waits for a settlement that is still being committed: its outcome is known afterwards.
-- $1 daemon_id    uuid
-- $2 sensor_names text[]  that it offers
-- $3 hashes       bigint[] of their filters: another version's are left to who offers that
-- $4 dead         uuid[]  holders whose lease has ended
-- $5 apart        boolean those that are kept apart, or those that are not
-- $6 count        bigint  at most
-- → sensor_name
WITH free AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    JOIN unnest($2::text[], $3::bigint[]) AS t (sensor_name, filter_hash)
        ON t.sensor_name = s.sensor_name AND t.filter_hash = s.filter_hash
    WHERE s.apart = $5::boolean
        AND (
            s.lease_holder IS NULL
            OR s.lease_holder = $1
            OR s.lease_holder = ANY ($4::uuid[])
            OR NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.lease_holder)
        )
    ORDER BY s.sensor_name
    LIMIT $6
    FOR NO KEY UPDATE OF s
)
UPDATE runbell.sensors AS s
SET lease_holder = $1,
    lease_epoch = s.lease_epoch + 1
FROM free AS f
WHERE s.sensor_name = f.sensor_name
RETURNING s.sensor_name
