-- The processes that count as live, each with how many sensors it evaluates; `document` is the row as JSON.
-- Notified: it is rung awake; else it reads at short intervals.
SELECT
    to_json(l)::text AS document,
    l.daemon_id::text AS daemon_id,
    l.role,
    l.leases,
    l.module,
    l.code_location,
    l.hostname,
    l.pid,
    l.notified,
    l.seen_seconds_ago
FROM (
    SELECT
        d.daemon_id,
        d.role,
        (SELECT count(*) FROM runbell.sensors AS s WHERE s.lease_holder = d.daemon_id) AS leases,
        d.module,
        d.code_location,
        d.hostname,
        d.pid,
        d.lock_key IS NOT NULL AS notified,
        d.started_at,
        d.seen_at,
        round(extract(EPOCH FROM clock_timestamp() - d.seen_at)::numeric, 1)::double precision AS seen_seconds_ago
    FROM runbell.daemons AS d
) AS l
ORDER BY l.started_at
