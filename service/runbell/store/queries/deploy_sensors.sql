-- Makes the sensors of this module known. A new one starts at this moment: nothing after it is skipped. One that is
-- declared stopped has no place until it is started. A changed filter applies from this moment; before it, the former;
-- and whoever evaluates by the former loses the lease at this moment, or would pass events by.
-- The code that came last is in force: an older version of the module that reconnects changes nothing while a later one
-- lives.
-- The snapshot is of a statement whose transaction has written no event.
-- $1 sensor_names    text[]
-- $2 module          text
-- $3 declared_active boolean[]
-- $4 filters         text[]   JSON
-- $5 hashes          bigint[] of the filters
-- $6 code_location   text
-- $7 daemon_id       uuid
-- $8 arrival         bigint
WITH given AS (
    SELECT t.sensor_name, t.declared_active, t.filter::jsonb AS filter, t.filter_hash
    FROM unnest($1::text[], $3::boolean[], $4::text[], $5::bigint[])
        AS t (sensor_name, declared_active, filter, filter_hash)
)
INSERT INTO runbell.sensors AS s (
    sensor_name, module, code_location, deployed_by, declared_active, filter, filter_hash, position
)
SELECT
    g.sensor_name, $2, $6, $7, g.declared_active, g.filter, g.filter_hash,
    CASE WHEN g.declared_active THEN pg_current_snapshot() END
FROM given AS g
ORDER BY g.sensor_name
ON CONFLICT (sensor_name, generation) DO UPDATE
SET module = excluded.module,
    code_location = excluded.code_location,
    deployed_by = excluded.deployed_by,
    declared_active = excluded.declared_active,
    filter = excluded.filter,
    filter_hash = excluded.filter_hash,
    former_filter = CASE WHEN s.filter = excluded.filter THEN s.former_filter ELSE s.filter END,
    filter_since = CASE WHEN s.filter = excluded.filter THEN s.filter_since ELSE pg_current_snapshot() END,
    lease_holder = CASE WHEN s.filter_hash = excluded.filter_hash THEN s.lease_holder END,
    lease_epoch = s.lease_epoch + (s.filter_hash <> excluded.filter_hash)::integer,
    position = CASE
        WHEN s.position IS NULL
            AND (s.state = 'running' OR s.state = 'declared' AND excluded.declared_active)
        THEN pg_current_snapshot()
        ELSE s.position
    END,
    deployed_at = clock_timestamp()
WHERE NOT EXISTS (
    SELECT
    FROM runbell.daemons AS d
    WHERE d.daemon_id = s.deployed_by
        AND d.arrival > $8
        AND d.role <> 'leaving'
)
