-- These sensors are evaluated apart from the others from here on, or no longer; whoever may take them is rung.
-- $1 sensor_names text[]
-- $2 apart        boolean
WITH others AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE s.sensor_name = ANY ($1::text[]) AND s.apart <> $2::boolean
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s
),
changed AS (
    UPDATE runbell.sensors AS s
    SET apart = $2
    FROM others AS o
    WHERE s.sensor_name = o.sensor_name
    RETURNING s.sensor_name
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM changed)
