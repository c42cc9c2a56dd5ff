-- What each sensor has done lately, told from its newest ticks, and what of it waits or runs beyond its place.
-- Endless moments, put in by hand, have no age.
-- $1 seconds  float8   how far back
-- $2 ticks    integer  of each sensor at most
-- → sensor_name, evaluated, failed, failing (the last one failed), settled_seconds, running_seconds, error
SELECT
    s.sensor_name,
    coalesce(t.evaluated, 0) AS evaluated,
    coalesce(t.failed, 0) AS failed,
    s.last_outcome IS NOT DISTINCT FROM 'failed' AS failing,
    t.settled_seconds,
    r.running_seconds,
    v.error
FROM runbell.sensors AS s
LEFT JOIN LATERAL (
    SELECT
        sum(n.requested + n.acted + n.skipped + n.failed)::bigint AS evaluated,
        sum(n.failed)::bigint AS failed,
        extract(EPOCH FROM clock_timestamp() - max(n.settled_at) FILTER (WHERE isfinite(n.settled_at)))::float8 AS settled_seconds
    FROM (
        SELECT k.requested, k.acted, k.skipped, k.failed, k.settled_at
        FROM runbell.ticks AS k
        WHERE k.sensor_name = s.sensor_name
        ORDER BY k.tick_id DESC
        LIMIT $2::integer
    ) AS n
    WHERE n.settled_at >= clock_timestamp() - make_interval(secs => $1::float8)
) AS t ON true
LEFT JOIN LATERAL (
    SELECT w.error
    FROM runbell.evaluations AS w
    WHERE w.sensor_name = s.sensor_name AND w.state <> 'running'
    ORDER BY w.event_id DESC
    LIMIT 1
) AS v ON true
LEFT JOIN (
    SELECT w.sensor_name, extract(EPOCH FROM clock_timestamp() - min(w.updated_at))::float8 AS running_seconds
    FROM runbell.evaluations AS w
    WHERE w.state = 'running' AND isfinite(w.updated_at)
    GROUP BY w.sensor_name
) AS r ON r.sensor_name = s.sensor_name
ORDER BY s.sensor_name
