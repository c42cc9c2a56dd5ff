-- Writes the places of sensors that had nothing to evaluate, in one statement, under the same fence as a settlement.
-- $1 name text[], $2 lease_epoch bigint[], the place: $3 text[], $4 text[], $5 bigint[], $6 bigint[], the new place:
-- $7 text[], $8 text[], $9 bigint[], $10 bigint[]
-- → sensor_name, address (the ctid of its row by now)
WITH held AS MATERIALIZED (
    SELECT s.sensor_name, p.new_position, p.new_upper, p.new_last_xid, p.new_last_event_id
    FROM runbell.sensors AS s
    JOIN unnest(
        $1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
        $7::text[], $8::text[], $9::bigint[], $10::bigint[]
    ) AS p (
        sensor_name, lease_epoch, position, upper, last_xid, last_event_id,
        new_position, new_upper, new_last_xid, new_last_event_id
    ) ON p.sensor_name = s.sensor_name
    WHERE s.lease_epoch = p.lease_epoch
        AND s.position::text = p.position
        AND s.upper::text IS NOT DISTINCT FROM p.upper
        AND s.last_xid::text::bigint IS NOT DISTINCT FROM p.last_xid
        AND s.last_event_id IS NOT DISTINCT FROM p.last_event_id
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s SKIP LOCKED
)
UPDATE runbell.sensors AS s
SET position = h.new_position::pg_snapshot,
    upper = h.new_upper::pg_snapshot,
    last_xid = h.new_last_xid::text::xid8,
    last_event_id = h.new_last_event_id
FROM held AS h
WHERE s.sensor_name = h.sensor_name
RETURNING s.sensor_name, s.ctid::text AS address
