-- Is there such a sensor, or was there one that left evaluations or requests behind?
-- $1 sensor_name text
SELECT
    EXISTS (SELECT FROM runbell.sensors AS s WHERE s.sensor_name = $1::text)
    OR EXISTS (SELECT FROM runbell.evaluations AS v WHERE v.sensor_name = $1::text)
    OR EXISTS (SELECT FROM runbell.run_requests AS q WHERE q.sensor_name = $1::text) AS known
