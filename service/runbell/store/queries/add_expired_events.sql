-- Adds to what stopped sensors have lost to their age.
-- $1 sensor_names text[]
-- $2 events       bigint[]
WITH locked AS MATERIALIZED (
    SELECT s.sensor_name, t.events
    FROM runbell.sensors AS s
    JOIN unnest($1::text[], $2::bigint[]) AS t (sensor_name, events) ON t.sensor_name = s.sensor_name
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
)
UPDATE runbell.sensors AS s
SET expired_events = s.expired_events + l.events
FROM locked AS l
WHERE s.sensor_name = l.sensor_name
