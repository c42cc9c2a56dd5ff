-- What is known of each sensor: state, filters, what waits, what came last.
WITH waiting AS (
    SELECT
        v.sensor_name,
        count(*) FILTER (WHERE v.state <> 'dead') AS retrying,
        count(*) FILTER (WHERE v.state = 'dead') AS dead
    FROM runbell.evaluations AS v
    GROUP BY v.sensor_name
)
SELECT
    s.sensor_name,
    s.state,
    s.filter::text AS filter,
    s.former_filter::text AS former_filter,
    coalesce(w.retrying, 0) AS retrying,
    coalesce(w.dead, 0) AS dead,
    s.last_outcome,
    s.last_evaluated_at
FROM runbell.sensors AS s
LEFT JOIN waiting AS w ON w.sensor_name = s.sensor_name
ORDER BY s.sensor_name
