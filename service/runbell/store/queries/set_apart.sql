-- These sensors are evaluated apart from the others from here on, or no longer; whoever may take them is rung.
-- $1 sensor_names text[]
-- $2 apart        boolean
WITH changed AS (
    UPDATE runbell.sensors
    SET apart = $2
    WHERE sensor_name = ANY ($1::text[]) AND apart <> $2::boolean
    RETURNING sensor_name
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM changed)
