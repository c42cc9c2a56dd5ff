-- The first events beyond each of these places: how old is what a sensor that is far behind comes to next?
-- Cut by scanned rows, filtered afterwards.
-- $1 positions text[]   pg_snapshot
-- $2 xids      bigint[] the key that each has read up to, or 0
-- $3 event_ids bigint[]
-- $4 statuses  text[]   that somebody asks for
-- $5 scanned   bigint   rows to scan beyond each
-- $6 narrowed  boolean  some filter looks at partition and tags
-- → place (which of them, from 1), xid, event_id, age (in seconds), status, job_name, code_location, requester,
--   partition_key, tags
SELECT
    p.place,
    b.xid::text::bigint AS xid,
    b.event_id,
    CASE
        WHEN isfinite(b.recorded_at) THEN greatest(extract(EPOCH FROM clock_timestamp() - b.recorded_at), 0)
        ELSE 0
    END::double precision AS age,
    b.status,
    b.job_name,
    b.code_location,
    coalesce(
        (SELECT q.sensor_name FROM runbell.run_requests AS q WHERE q.run_id = b.run_id AND q.target = b.source LIMIT 1),
        (
            SELECT q.sensor_name
            FROM runbell.run_requests AS q
            WHERE q.request_id = CASE
                WHEN b.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (b.tags ->> 'runbell/request_id')::bigint
            END
        )
    ) AS requester,
    CASE WHEN $6::boolean THEN coalesce(b.partition_key, b.tags ->> 'dagster/partition') END AS partition_key,
    CASE WHEN $6::boolean THEN b.tags::text END AS tags
FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS p (position, last_xid, last_event_id, place)
CROSS JOIN LATERAL (
    SELECT e.xid, e.event_id, e.recorded_at, e.status, e.job_name, e.code_location, e.source, e.run_id, e.partition_key,
        e.tags
    FROM runbell.run_events AS e
    WHERE (e.xid, e.event_id) > (
            greatest(pg_snapshot_xmax(p.position::pg_snapshot), p.last_xid::text::xid8),
            CASE
                WHEN p.last_xid::text::xid8 >= pg_snapshot_xmax(p.position::pg_snapshot) THEN p.last_event_id
                ELSE -9223372036854775808
            END
        )
    ORDER BY e.xid, e.event_id
    LIMIT $5
) AS b
WHERE b.status = ANY ($4::text[])
ORDER BY p.place, b.xid, b.event_id
