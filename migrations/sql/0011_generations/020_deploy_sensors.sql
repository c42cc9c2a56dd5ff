-- See queries/deploy_sensors.sql. That a sensor has one row is not for an index to see to (sensors_pkey), so one caller
-- at a time adds those that are missing. A function, so that the lock is let go of even if the caller is stopped or cut
-- off before he hears the answer.
CREATE FUNCTION runbell.deploy_sensors(
    sensor_names text[], module text, declared_active boolean[], filters text[], hashes bigint[], code_location text,
    daemon_id uuid, arrival bigint
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sensors are deployed in read committed: in another level a sensor could get two rows'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Only who adds a sensor waits for others who do. The next statement sees what they have committed.
    IF EXISTS (
        SELECT FROM unnest(deploy_sensors.sensor_names) AS g (sensor_name)
        WHERE NOT EXISTS (SELECT FROM runbell.sensors AS s WHERE s.sensor_name = g.sensor_name)
    ) THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('runbell.sensors', 0));
    END IF;
    WITH given AS MATERIALIZED (
        SELECT t.sensor_name, t.declared_active, t.filter::jsonb AS filter, t.filter_hash
        FROM unnest(
            deploy_sensors.sensor_names, deploy_sensors.declared_active, deploy_sensors.filters, deploy_sensors.hashes
        )
            AS t (sensor_name, declared_active, filter, filter_hash)
    ),
    -- In the order of the names, like everybody who locks several.
    known AS MATERIALIZED (
        SELECT s.sensor_name
        FROM runbell.sensors AS s
        WHERE s.sensor_name = ANY (deploy_sensors.sensor_names)
        ORDER BY s.sensor_name
        FOR NO KEY UPDATE OF s
    ),
    changed AS (
        UPDATE runbell.sensors AS s
        SET module = deploy_sensors.module,
            code_location = deploy_sensors.code_location,
            deployed_by = deploy_sensors.daemon_id,
            declared_active = g.declared_active,
            filter = g.filter,
            filter_hash = g.filter_hash,
            former_filter = CASE WHEN s.filter = g.filter THEN s.former_filter ELSE s.filter END,
            filter_since = CASE WHEN s.filter = g.filter THEN s.filter_since ELSE pg_current_snapshot() END,
            lease_holder = CASE WHEN s.filter_hash = g.filter_hash THEN s.lease_holder END,
            lease_epoch = s.lease_epoch + (s.filter_hash <> g.filter_hash)::integer,
            position = CASE
                WHEN s.position IS NULL AND (s.state = 'running' OR s.state = 'declared' AND g.declared_active)
                THEN pg_current_snapshot()
                ELSE s.position
            END,
            deployed_at = clock_timestamp()
        FROM known AS k
        JOIN given AS g ON g.sensor_name = k.sensor_name
        WHERE s.sensor_name = k.sensor_name
            AND NOT EXISTS (
                SELECT
                FROM runbell.daemons AS d
                WHERE d.daemon_id = s.deployed_by
                    AND d.arrival > deploy_sensors.arrival
                    AND d.role <> 'leaving'
            )
    )
    INSERT INTO runbell.sensors AS s (
        sensor_name, module, code_location, deployed_by, declared_active, filter, filter_hash, position
    )
    SELECT
        g.sensor_name, deploy_sensors.module, deploy_sensors.code_location, deploy_sensors.daemon_id,
        g.declared_active, g.filter, g.filter_hash,
        CASE WHEN g.declared_active THEN pg_current_snapshot() END
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.sensor_name = g.sensor_name)
    ORDER BY g.sensor_name;
END
$$
