-- Writes the places of sensors that had nothing to evaluate, in one statement, under the same fence as a settlement, and
-- finds their rows as that does: the commits wait for it (0.2 s where it passed 900,000 versions on its way).
-- $1 name text[], $2 lease_epoch bigint[], the place: $3 text[], $4 text[], $5 bigint[], $6 bigint[], the new place:
-- $7 text[], $8 text[], $9 bigint[], $10 bigint[]
-- → sensor_name
WITH held AS MATERIALIZED (
    SELECT
        s.ctid AS found_at, (s.ctid::text::point)[0]::bigint AS page,
        p.new_position, p.new_upper, p.new_last_xid, p.new_last_event_id
    FROM unnest(
        $1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
        $7::text[], $8::text[], $9::bigint[], $10::bigint[]
    ) AS p (
        sensor_name, lease_epoch, position, upper, last_xid, last_event_id,
        new_position, new_upper, new_last_xid, new_last_event_id
    )
    CROSS JOIN LATERAL (
        SELECT n.ctid
        FROM runbell.sensors AS n
        WHERE n.ctid = (
                SELECT m.ctid
                FROM runbell.sensors AS m
                WHERE m.sensor_name = p.sensor_name
                ORDER BY m.generation DESC
                LIMIT 1
            )
            AND n.lease_epoch = p.lease_epoch
            AND n.position::text = p.position
            AND n.upper::text IS NOT DISTINCT FROM p.upper
            AND n.last_xid::text::bigint IS NOT DISTINCT FROM p.last_xid
            AND n.last_event_id IS NOT DISTINCT FROM p.last_event_id
        FOR UPDATE OF n SKIP LOCKED
    ) AS s
)
UPDATE runbell.sensors AS s
SET position = h.new_position::pg_snapshot,
    upper = h.new_upper::pg_snapshot,
    last_xid = h.new_last_xid::text::xid8,
    last_event_id = h.new_last_event_id,
    generation = s.generation + (s.page <> h.page)::integer,
    page = h.page
FROM held AS h
WHERE s.ctid = h.found_at
RETURNING s.sensor_name
