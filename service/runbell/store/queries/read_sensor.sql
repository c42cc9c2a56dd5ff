-- One sensor as a page shows it: what it watches, who evaluates it, what waits (counted up to a limit).
-- $1 sensor_name text
-- $2 most bigint       evaluations to count
SELECT
    s.sensor_name,
    s.state,
    s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
    s.module,
    s.code_location,
    s.apart,
    s.filter::text AS filter,
    s.lease_epoch,
    h.hostname AS holder_hostname,
    h.pid AS holder_pid,
    h.role AS holder_role,
    s.last_outcome,
    to_json(s.last_evaluated_at) #>> '{}' AS last_evaluated_at,
    to_json(s.deployed_at) #>> '{}' AS deployed_at,
    c.retrying,
    c.dead
FROM runbell.sensors AS s
LEFT JOIN runbell.daemons AS h ON h.daemon_id = s.lease_holder
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE v.state <> 'dead') AS retrying, count(*) FILTER (WHERE v.state = 'dead') AS dead
    FROM (
        SELECT e.state
        FROM runbell.evaluations AS e
        WHERE e.sensor_name = s.sensor_name
        LIMIT $2::bigint
    ) AS v
) AS c
WHERE s.sensor_name = $1::text
