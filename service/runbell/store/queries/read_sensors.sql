-- The sensors whose leases a daemon holds: state, place and filters.
-- $1 sensor_names text[]
-- $2 daemon_id    uuid
SELECT
    s.sensor_name,
    s.lease_epoch,
    s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
    s.state = 'running' AS started,
    s.position::text AS position,
    s.upper::text AS upper,
    s.last_xid::text::bigint AS last_xid,
    s.last_event_id,
    s.former_filter::text AS former_filter,
    s.filter_since::text AS filter_since
FROM runbell.sensors AS s
WHERE s.sensor_name = ANY ($1::text[]) AND s.lease_holder = $2
ORDER BY s.sensor_name
