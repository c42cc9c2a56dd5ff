-- The requests of these ids, whatever their state; without ids those of a state and of a sensor.
-- $1 request_ids bigint[]  null: any
-- $2 states      text[]
-- $3 sensor_name text      null: any
-- → request_id, sensor_name, state, claimed_by, held (a launcher may be starting it at this moment)
SELECT
    q.request_id,
    q.sensor_name,
    q.state,
    q.claimed_by,
    q.state = 'claimed' AND q.claimed_until > clock_timestamp() AS held
FROM runbell.run_requests AS q
WHERE CASE
    WHEN $1::bigint[] IS NOT NULL THEN q.request_id = ANY ($1::bigint[])
    ELSE q.state = ANY ($2::text[]) AND ($3::text IS NULL OR q.sensor_name = $3::text)
    END
ORDER BY q.request_id
