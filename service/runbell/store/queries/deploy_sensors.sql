-- Makes the sensors of this module known. A new one starts at this moment: nothing after it is skipped. One that is
-- declared stopped has no place until it is started. A changed filter applies from this moment; before it, the former;
-- and whoever evaluates by the former loses the lease at this moment, or would pass events by.
-- The code that came last is in force: an older version of the module that reconnects changes nothing while a later one
-- lives.
-- In a transaction that has begun with lock_deploying: of two that add a sensor the second must see it.
-- The snapshot is of a statement whose transaction has written no event.
-- $1 sensor_names    text[]
-- $2 module          text
-- $3 declared_active boolean[]
-- $4 filters         text[]   JSON
-- $5 hashes          bigint[] of the filters
-- $6 code_location   text
-- $7 daemon_id       uuid
-- $8 arrival         bigint
WITH given AS MATERIALIZED (
    SELECT t.sensor_name, t.declared_active, t.filter::jsonb AS filter, t.filter_hash
    FROM unnest($1::text[], $3::boolean[], $4::text[], $5::bigint[])
        AS t (sensor_name, declared_active, filter, filter_hash)
),
-- In the order of the names, like everybody who locks several.
known AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE s.sensor_name = ANY ($1::text[])
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
),
changed AS (
    UPDATE runbell.sensors AS s
    SET module = $2,
        code_location = $6,
        deployed_by = $7,
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
                AND d.arrival > $8
                AND d.role <> 'leaving'
        )
)
INSERT INTO runbell.sensors AS s (
    sensor_name, module, code_location, deployed_by, declared_active, filter, filter_hash, position
)
SELECT
    g.sensor_name, $2, $6, $7, g.declared_active, g.filter, g.filter_hash,
    CASE WHEN g.declared_active THEN pg_current_snapshot() END
FROM given AS g
WHERE NOT EXISTS (SELECT FROM known AS k WHERE k.sensor_name = g.sensor_name)
ORDER BY g.sensor_name
