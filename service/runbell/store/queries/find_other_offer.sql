-- A sensor of these that a live daemon offers from another module: the same identity twice would share one place.
-- $1 sensor_names text[]
-- $2 module       text
-- $3 daemon_id    uuid  this one
-- → sensor_name, module, hostname, pid
SELECT s.sensor_name, d.module, d.hostname, d.pid
FROM runbell.sensors AS s
JOIN runbell.daemons AS d ON d.daemon_id = s.deployed_by
WHERE s.sensor_name = ANY ($1::text[])
    AND d.module <> $2
    AND d.daemon_id <> $3
    AND (d.lock_key IS NULL OR runbell.daemon_lives(d.lock_key))
ORDER BY s.sensor_name
LIMIT 1
