-- What is known of each sensor: state, place, filters, who holds it, what waits, what came last.
-- Orphaned, as runbell.is_orphaned: a live daemon has deployed its module, without it.
-- Owned: a daemon that counts as live holds its lease.
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
    s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
    s.apart,
    EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.lease_holder) AS owned,
    NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.deployed_by)
        AND EXISTS (
            SELECT FROM runbell.daemons AS d
            WHERE d.module = s.module AND d.code_location IS NOT DISTINCT FROM s.code_location
                AND EXISTS (SELECT FROM runbell.sensors AS o WHERE o.deployed_by = d.daemon_id)
        ) AS orphaned,
    s.filter::text AS filter,
    s.former_filter::text AS former_filter,
    CASE
        WHEN isfinite(w.failing_since) THEN greatest(extract(EPOCH FROM clock_timestamp() - w.failing_since), 0)
        ELSE 0
    END::double precision AS failing_seconds,
    s.filter_since::text AS filter_since,
    s.position::text AS position,
    s.upper::text AS upper,
    s.last_xid::text::bigint AS last_xid,
    s.last_event_id,
    coalesce(w.retrying, 0) AS retrying,
    coalesce(w.dead, 0) AS dead,
    s.last_outcome,
    -- As text: what somebody wrote there may be a time that Python has no value for.
    to_json(s.last_evaluated_at) #>> '{}' AS last_evaluated_at
FROM runbell.sensors AS s
LEFT JOIN waiting AS w ON w.sensor_name = s.sensor_name
ORDER BY s.sensor_name
