-- Adds to what stopped sensors have lost to their age.
-- $1 sensor_names text[]
-- $2 events       bigint[]
UPDATE runbell.sensors AS s
SET expired_events = s.expired_events + t.events
FROM unnest($1::text[], $2::bigint[]) AS t (sensor_name, events)
WHERE s.sensor_name = t.sensor_name
