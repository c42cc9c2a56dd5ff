-- What is known of each sensor: state, filters, what waits, what came last.
-- Orphaned: its module is deployed by a live daemon, without it.
WITH waiting AS (
    SELECT
        v.sensor_name,
        count(*) FILTER (WHERE v.state <> 'dead') AS retrying,
        count(*) FILTER (WHERE v.state = 'dead') AS dead,
        min(v.created_at) FILTER (WHERE v.state = 'retry' AND v.error IS NOT NULL) AS failing_since
    FROM runbell.evaluations AS v
    GROUP BY v.sensor_name
)
SELECT
    s.sensor_name,
    s.state,
    NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.deployed_by)
        AND EXISTS (
            SELECT FROM runbell.daemons AS d
            WHERE d.module = s.module AND d.code_location IS NOT DISTINCT FROM s.code_location
        ) AS orphaned,
    s.filter::text AS filter,
    s.former_filter::text AS former_filter,
    s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
    EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.lease_holder) AS owned,
    CASE
        WHEN isfinite(w.failing_since) THEN greatest(extract(EPOCH FROM clock_timestamp() - w.failing_since), 0)
        ELSE 0
    END::double precision AS failing_seconds,
    coalesce(w.retrying, 0) AS retrying,
    coalesce(w.dead, 0) AS dead,
    s.last_outcome,
    -- As text: what somebody wrote there may be a time that Python has no value for.
    to_json(s.last_evaluated_at) #>> '{}' AS last_evaluated_at
FROM runbell.sensors AS s
LEFT JOIN waiting AS w ON w.sensor_name = s.sensor_name
ORDER BY s.sensor_name
