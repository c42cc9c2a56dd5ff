-- Has a live daemon deployed this sensor's module without it? Then nobody waits for its events. A peer that lives on has
-- deployed nothing yet when the last deployer dies: until it does, every sensor of the module is waited for.
CREATE FUNCTION runbell.is_orphaned(sensor runbell.sensors) RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = sensor.deployed_by)
        AND EXISTS (
            SELECT FROM runbell.daemons AS d
            WHERE d.module = sensor.module AND d.code_location IS NOT DISTINCT FROM sensor.code_location
                AND EXISTS (SELECT FROM runbell.sensors AS o WHERE o.deployed_by = d.daemon_id)
        )
$$
