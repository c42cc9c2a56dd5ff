-- The evaluations of these ids, whatever their state; without ids, the dead letters of a sensor and of an age.
-- $1 evaluation_ids bigint[]  null: any
-- $2 sensor_name text         null: any
-- $3 older_than float8        seconds since it was given up, at least; null: any
-- → evaluation_id, sensor_name, state, has_event
SELECT
    v.evaluation_id,
    v.sensor_name,
    v.state,
    EXISTS (SELECT FROM runbell.run_events AS e WHERE e.event_id = v.event_id) AS has_event
FROM runbell.evaluations AS v
WHERE CASE
    WHEN $1::bigint[] IS NOT NULL THEN v.evaluation_id = ANY ($1::bigint[])
    ELSE v.state = 'dead'
        AND ($2::text IS NULL OR v.sensor_name = $2::text)
        AND ($3::float8 IS NULL OR v.updated_at <= clock_timestamp() - make_interval(secs => $3::float8))
    END
ORDER BY v.evaluation_id
