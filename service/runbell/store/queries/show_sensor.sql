-- Everything that is stored of one sensor, with who evaluates it and its requests by state; `document` is the row as JSON.
-- $1 sensor_name text
WITH shown AS (
    SELECT
        s.sensor_name,
        s.state,
        s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
        s.declared_active,
        s.module,
        s.code_location,
        s.deployed_at,
        d.hostname AS holder_hostname,
        d.pid AS holder_pid,
        s.lease_epoch,
        s.apart,
        s.last_outcome,
        s.last_evaluated_at,
        (
            SELECT count(*) FROM runbell.evaluations AS v
            WHERE v.sensor_name = s.sensor_name AND v.state <> 'dead'
        ) AS retrying,
        (
            SELECT count(*) FROM runbell.evaluations AS v
            WHERE v.sensor_name = s.sensor_name AND v.state = 'dead'
        ) AS dead,
        (
            SELECT coalesce(jsonb_object_agg(q.state, q.requests), '{}')
            FROM (
                SELECT r.state, count(*) AS requests
                FROM runbell.run_requests AS r
                WHERE r.sensor_name = s.sensor_name
                GROUP BY r.state
            ) AS q
        ) AS requests,
        s.filter,
        s.former_filter,
        s.position::text AS position,
        s.upper::text AS upper,
        s.last_xid::text::bigint AS last_xid,
        s.last_event_id
    FROM runbell.sensors AS s
    LEFT JOIN runbell.daemons AS d ON d.daemon_id = s.lease_holder
    WHERE s.sensor_name = $1
)
SELECT
    to_json(h)::text AS document,
    h.sensor_name,
    h.state,
    h.active,
    h.module,
    h.code_location,
    to_json(h.deployed_at) #>> '{}' AS deployed_at,
    h.holder_hostname,
    h.holder_pid,
    h.lease_epoch,
    h.apart,
    h.last_outcome,
    to_json(h.last_evaluated_at) #>> '{}' AS last_evaluated_at,
    h.retrying,
    h.dead,
    h.requests::text AS requests,
    h.filter::text AS filter,
    h.position
FROM shown AS h
