-- Waits for a settlement of this sensor that is being committed; none begins before this transaction has ended.
-- $1 sensor_name text
-- → sensor_name
SELECT s.sensor_name
FROM runbell.sensors AS s
WHERE s.sensor_name = $1
FOR NO KEY UPDATE
