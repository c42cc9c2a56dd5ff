-- Makes the sensors of this module known. A new one starts at this moment: nothing after it is skipped. One that is
-- declared stopped has no place until it is started. A changed filter applies from this moment; before it, the former.
-- The snapshot is of a statement whose transaction has written no event.
-- $1 sensor_names    text[]
-- $2 module          text
-- $3 declared_active boolean[]
-- $4 filters         text[]  JSON
-- → sensor_name (those that are new)
WITH given AS (
    SELECT t.sensor_name, t.declared_active, t.filter::jsonb AS filter
    FROM unnest($1::text[], $3::boolean[], $4::text[]) AS t (sensor_name, declared_active, filter)
)
INSERT INTO runbell.sensors AS s (sensor_name, module, declared_active, filter, position)
SELECT
    g.sensor_name, $2, g.declared_active, g.filter,
    CASE WHEN g.declared_active THEN pg_current_snapshot() END
FROM given AS g
ORDER BY g.sensor_name
ON CONFLICT (sensor_name) DO UPDATE
SET module = excluded.module,
    declared_active = excluded.declared_active,
    filter = excluded.filter,
    former_filter = CASE WHEN s.filter = excluded.filter THEN s.former_filter ELSE s.filter END,
    filter_since = CASE WHEN s.filter = excluded.filter THEN s.filter_since ELSE pg_current_snapshot() END,
    position = CASE
        WHEN s.position IS NULL
            AND (s.state = 'running' OR s.state = 'declared' AND excluded.declared_active)
        THEN pg_current_snapshot()
        ELSE s.position
    END,
    deployed_at = clock_timestamp()
RETURNING s.sensor_name
