-- One page of what has become visible since a place, in ONE statement with its snapshot.
-- A row was visible at the position unless its xid is at or above its xmax, or stands in its xip: the two branches.
-- The page is cut by scanned rows, filtered afterwards, so that no filter can make the statement long.
-- Each branch has ONE lower bound, on both columns of the index: beside a second one, on xid alone, a scan may begin at
-- whichever is written last, and walk over every event that there is. The upper bound ends it before those that are newer.
-- $1 position      text    pg_snapshot
-- $2 upper         text    pg_snapshot that bounds a paged read, or null: now
-- $3 last_xid      bigint  the key that has been read up to, or 0
-- $4 last_event_id bigint
-- $5 statuses      text[]  only these, or null: all
-- $6 jobs          jsonb   only those that are keys of this object, or null: all. Of an array each row is compared with
--                          every element, as its plan does not know it: with 10,000 names a page took 84 ms, not 5
-- $7 scanned       bigint  rows to scan at most
-- $8 filters       text    JSON of core/pushing.py: only what one of these matches, or null: all
-- → the events with the fields of RunEvent in their order, by event_id; last a row that is no event, with what was read
WITH snapshots AS MATERIALIZED (
    SELECT
        $1::text::pg_snapshot AS position,
        coalesce($2::text::pg_snapshot, pg_current_snapshot()) AS upper,
        $3::bigint::text::xid8 AS last_xid
),
bounds AS MATERIALIZED (
    SELECT
        s.upper,
        pg_snapshot_xmax(s.upper) AS end_xid,
        s.last_xid,
        greatest(pg_snapshot_xmax(s.position), s.last_xid) AS new_xid,
        CASE WHEN s.last_xid >= pg_snapshot_xmax(s.position) THEN $4::bigint ELSE -9223372036854775808 END AS new_event_id
    FROM snapshots AS s
),
page AS MATERIALIZED (
    SELECT p.*
    FROM bounds AS b
    CROSS JOIN LATERAL (
        (
            SELECT e.*
            FROM runbell.run_events AS e
            WHERE (e.xid, e.event_id) > (b.new_xid, b.new_event_id)
                AND e.xid < b.end_xid
                AND pg_visible_in_snapshot(e.xid, b.upper)
            ORDER BY e.xid, e.event_id
            LIMIT $7
        )
        UNION ALL
        (
            SELECT e.*
            FROM runbell.run_events AS e
            WHERE e.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
                AND (e.xid, e.event_id) > (b.last_xid, $4::bigint)
                AND pg_visible_in_snapshot(e.xid, b.upper)
            ORDER BY e.xid, e.event_id
            LIMIT $7
        )
    ) AS p
    ORDER BY p.xid, p.event_id
    LIMIT $7
),
wanted AS MATERIALIZED (
    SELECT w.*
    FROM jsonb_to_recordset($8::text::jsonb) AS w (
        statuses text[], jobs jsonb, scope text, excluded jsonb, tags jsonb, partitions text[], origins text[]
    )
),
furthest AS (
    SELECT p.xid, p.event_id FROM page AS p ORDER BY p.xid, p.event_id OFFSET $7 - 1
)
SELECT
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
    extract(epoch FROM r.ended_at)::float8 AS ended_at,
    NULL::text AS upper,
    NULL::bigint AS furthest_xid,
    NULL::bigint AS furthest_event_id,
    NULL::boolean AS passed_rows
FROM page AS p
LEFT JOIN runbell.runs AS r ON r.source = p.source AND r.run_id = p.run_id
WHERE ($5::text[] IS NULL OR p.status = ANY ($5::text[])) AND ($6::jsonb IS NULL OR $6::jsonb ? p.job_name)
    -- Only over what the page has scanned: no index would find these, and none is needed.
    AND ($8::text IS NULL OR EXISTS (
        SELECT
        FROM wanted AS w
        CROSS JOIN LATERAL (
            SELECT
                w.scope IS NULL OR p.code_location IS NULL OR p.code_location = w.scope AS in_scope,
                coalesce(p.partition_key, p.tags ->> 'dagster/partition') AS partition_key,
                CASE WHEN jsonb_typeof(p.tags) = 'object' THEN p.tags ELSE '{}' END AS tags
        ) AS e
        WHERE p.status = ANY (w.statuses)
            AND CASE
                WHEN jsonb_typeof(w.jobs) = 'array' THEN EXISTS (
                    SELECT
                    FROM jsonb_array_elements(w.jobs) AS j (job)
                    WHERE p.job_name ~ (j.job ->> 0)
                        AND CASE WHEN j.job ->> 1 IS NULL THEN e.in_scope ELSE p.code_location ~ (j.job ->> 1) END
                )
                ELSE e.in_scope
            END
            AND NOT EXISTS (
                SELECT
                FROM jsonb_array_elements(w.excluded) AS j (job)
                WHERE p.job_name ~ (j.job ->> 0) AND (j.job ->> 1 IS NULL OR p.code_location ~ (j.job ->> 1))
            )
            AND NOT EXISTS (
                SELECT
                FROM jsonb_to_recordset(w.tags) AS t (key text, present boolean, "values" text[])
                WHERE CASE
                    WHEN t.present AND cardinality(t."values") > 0 THEN (
                        CASE jsonb_typeof(e.tags -> t.key)
                            WHEN 'string' THEN e.tags ->> t.key
                            ELSE (e.tags -> t.key)::text
                        END ~ ANY (t."values")
                    ) IS NOT TRUE
                    ELSE e.tags ? t.key <> t.present
                END
            )
            AND (cardinality(w.partitions) = 0 OR e.partition_key ~ ANY (w.partitions))
            AND (
                cardinality(w.origins) = 0
                OR CASE
                    WHEN e.tags ? 'dagster/backfill' THEN 'backfill'
                    WHEN e.tags ? 'dagster/schedule_name' THEN 'schedule'
                    WHEN e.tags ?| '{dagster/sensor_name,runbell/sensor}' THEN 'sensor'
                    ELSE 'manual'
                END = ANY (w.origins)
            )
    ))
UNION ALL
SELECT
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    b.upper::text,
    f.xid::text::bigint,
    f.event_id,
    EXISTS (SELECT FROM page)
FROM bounds AS b
LEFT JOIN furthest AS f ON true
ORDER BY event_id NULLS LAST
