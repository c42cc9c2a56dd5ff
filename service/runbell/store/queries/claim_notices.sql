-- Which sensors with dead letters have to be told of now, and to whom; this process has them until its claim runs out.
-- News is the first dead letter of a sensor that had none; that there still are some is told again after an interval.
-- Forgets what was told of sensors that have none any more.
-- $1 claim uuid
-- $2 notifiers text[]      the digests of those that this process has
-- $3 hold_seconds float8   how long telling may take
-- $4 repeat_seconds float8
-- → sensor_name, notifier, failures, told_before, dead (at most 1000), of the newest: run_id, job_name, status, error
WITH dead AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE EXISTS (
        SELECT FROM runbell.evaluations AS v WHERE v.sensor_name = s.sensor_name AND v.state = 'dead'
    )
),
cleared AS (
    DELETE FROM runbell.notices AS n
    WHERE NOT EXISTS (SELECT FROM dead AS d WHERE d.sensor_name = n.sensor_name)
),
wanted AS MATERIALIZED (
    SELECT d.sensor_name, t.notifier
    FROM dead AS d
    CROSS JOIN unnest($2::text[]) AS t (notifier)
    LEFT JOIN runbell.notices AS n ON n.sensor_name = d.sensor_name AND n.notifier = t.notifier
    WHERE coalesce(n.claimed_until <= clock_timestamp(), true)
        AND coalesce(n.told_at + make_interval(secs => $4::float8) <= clock_timestamp(), true)
),
claimed AS (
    INSERT INTO runbell.notices AS n (sensor_name, notifier, claim, claimed_until)
    SELECT w.sensor_name, w.notifier, $1::uuid, clock_timestamp() + make_interval(secs => $3::float8)
    FROM wanted AS w
    ORDER BY w.sensor_name, w.notifier
    -- Asked again of the row as it is once it is ours: another process may have been faster.
    ON CONFLICT (sensor_name, notifier) DO UPDATE
    SET claim = excluded.claim,
        claimed_until = excluded.claimed_until
    WHERE coalesce(n.claimed_until <= clock_timestamp(), true)
        AND coalesce(n.told_at + make_interval(secs => $4::float8) <= clock_timestamp(), true)
    RETURNING n.sensor_name, n.notifier, n.failures, n.told_at IS NOT NULL AS told_before
)
SELECT
    c.sensor_name,
    c.notifier,
    c.failures,
    c.told_before,
    k.dead,
    e.run_id,
    e.job_name,
    e.status,
    right(l.error, 2000) AS error
FROM claimed AS c
CROSS JOIN LATERAL (
    SELECT count(*) AS dead
    FROM (
        SELECT FROM runbell.evaluations AS v WHERE v.sensor_name = c.sensor_name AND v.state = 'dead' LIMIT 1000
    ) AS counted
) AS k
LEFT JOIN LATERAL (
    SELECT v.event_id, v.error
    FROM runbell.evaluations AS v
    WHERE v.sensor_name = c.sensor_name AND v.state = 'dead'
    ORDER BY v.evaluation_id DESC
    LIMIT 1
) AS l ON true
LEFT JOIN runbell.run_events AS e ON e.event_id = l.event_id
ORDER BY c.notifier, c.sensor_name
