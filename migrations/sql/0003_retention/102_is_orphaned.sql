-- Is a sensor's module deployed by a live daemon, without it? Then nobody waits for its events.
CREATE FUNCTION runbell.is_orphaned(sensor runbell.sensors) RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = sensor.deployed_by)
        AND EXISTS (
            SELECT FROM runbell.daemons AS d
            WHERE d.module = sensor.module AND d.code_location IS NOT DISTINCT FROM sensor.code_location
        )
$$
