-- One page of what has become visible since a place, in ONE statement with its snapshot.
-- A row was visible at the position unless its xid is at or above its xmax, or stands in its xip: the two branches.
-- The page is cut by scanned rows, filtered afterwards, so that no filter can make the statement long.
-- $1 position      text    pg_snapshot
-- $2 upper         text    pg_snapshot that bounds a paged read, or null: now
-- $3 last_xid      bigint  the key that has been read up to, or 0
-- $4 last_event_id bigint
-- $5 statuses      text[]  only these, or null: all
-- $6 jobs          text[]  only these, or null: all
-- $7 scanned       bigint  rows to scan at most
WITH bounds AS MATERIALIZED (
    SELECT
        $1::text::pg_snapshot AS position,
        coalesce($2::text::pg_snapshot, pg_current_snapshot()) AS upper
),
page AS MATERIALIZED (
    SELECT p.*
    FROM bounds AS b
    CROSS JOIN LATERAL (
        (
            SELECT e.*
            FROM runbell.run_events AS e
            WHERE e.xid >= pg_snapshot_xmax(b.position)
                AND (e.xid, e.event_id) > ($3::bigint::text::xid8, $4::bigint)
                AND pg_visible_in_snapshot(e.xid, b.upper)
            ORDER BY e.xid, e.event_id
            LIMIT $7
        )
        UNION ALL
        (
            SELECT e.*
            FROM runbell.run_events AS e
            WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
                AND (e.xid, e.event_id) > ($3::bigint::text::xid8, $4::bigint)
                AND pg_visible_in_snapshot(e.xid, b.upper)
            ORDER BY e.xid, e.event_id
            LIMIT $7
        )
    ) AS p
    ORDER BY p.xid, p.event_id
    LIMIT $7
),
extent AS (
    SELECT count(*) AS scanned FROM page
),
furthest AS (
    SELECT p.xid, p.event_id FROM page AS p ORDER BY p.xid DESC, p.event_id DESC LIMIT 1
)
SELECT
    b.upper::text AS upper,
    x.scanned,
    f.xid::text::bigint AS furthest_xid,
    f.event_id AS furthest_event_id,
    p.event_id,
    p.xid::text::bigint AS xid,
    p.source,
    p.run_id,
    p.job_name,
    p.code_location,
    p.status,
    p.native_status,
    coalesce(p.partition_key, p.tags ->> 'dagster/partition') AS partition_key,
    p.tags::text AS tags,
    p.message,
    p.error::text AS error,
    extract(epoch FROM p.recorded_at)::float8 AS recorded_at,
    coalesce(
        (SELECT q.sensor_name FROM runbell.run_requests AS q WHERE q.run_id = p.run_id AND q.target = p.source LIMIT 1),
        (
            SELECT q.sensor_name
            FROM runbell.run_requests AS q
            WHERE q.request_id = CASE
                WHEN p.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (p.tags ->> 'runbell/request_id')::bigint
            END
        )
    ) AS requester,
    r.run_config::text AS run_config,
    extract(epoch FROM r.created_at)::float8 AS created_at,
    extract(epoch FROM r.started_at)::float8 AS started_at,
    extract(epoch FROM r.ended_at)::float8 AS ended_at
FROM bounds AS b
CROSS JOIN extent AS x
LEFT JOIN furthest AS f ON true
LEFT JOIN page AS p ON ($5::text[] IS NULL OR p.status = ANY ($5::text[]))
    AND ($6::text[] IS NULL OR p.job_name = ANY ($6::text[]))
LEFT JOIN runbell.runs AS r ON r.source = p.source AND r.run_id = p.run_id
ORDER BY p.event_id
