-- The newest events that lie beyond some place, and those of transactions that were open when some place was taken; one
-- read for all sensors, wherever they stand. Cut by scanned rows, filtered afterwards.
-- $1 statuses  text[]  that somebody asks for
-- $2 scanned   bigint  rows to scan at most, of each of the two
-- $3 narrowed  boolean some filter looks at partition and tags
-- → xid, event_id, age (in seconds; zero where a row put in by hand says no time), status, job_name, code_location,
--   requester, partition_key, tags; last a row that is no event, with the xid from which on everything was scanned, or null: from the first on
WITH places AS MATERIALIZED (
    SELECT s.position FROM runbell.sensors AS s WHERE s.position IS NOT NULL
),
newest AS MATERIALIZED (
    SELECT e.xid, e.event_id, e.recorded_at, e.status, e.job_name, e.code_location, e.source, e.run_id, e.partition_key, e.tags
    FROM runbell.run_events AS e
    WHERE e.xid >= (
        SELECT min(pg_snapshot_xmax(p.position)::text::bigint)::text::xid8
        FROM places AS p
    )
    ORDER BY e.xid DESC, e.event_id DESC
    LIMIT $2
),
bounds AS MATERIALIZED (
    SELECT CASE WHEN count(*) = $2 THEN min(n.xid::text::bigint) END AS first_xid FROM newest AS n
),
late AS (
    SELECT e.xid, e.event_id, e.recorded_at, e.status, e.job_name, e.code_location, e.source, e.run_id, e.partition_key, e.tags
    FROM runbell.run_events AS e
    WHERE e.xid = ANY (ARRAY(SELECT DISTINCT pg_snapshot_xip(p.position) FROM places AS p))
        AND (e.xid, e.event_id) NOT IN (SELECT n.xid, n.event_id FROM newest AS n)
    LIMIT $2
)
SELECT
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
    CASE WHEN $3::boolean THEN coalesce(b.partition_key, b.tags ->> 'dagster/partition') END AS partition_key,
    CASE WHEN $3::boolean THEN b.tags::text END AS tags
FROM (SELECT * FROM newest UNION ALL SELECT * FROM late) AS b
WHERE b.status = ANY ($1::text[])
UNION ALL
SELECT o.first_xid, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM bounds AS o
ORDER BY event_id NULLS LAST
