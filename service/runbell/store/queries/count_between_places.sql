-- The events that one of two places has passed and the other has not, counted by what filters look at.
-- $1 position      text    of the first: pg_snapshot, or null: it has passed everything
-- $2 upper         text
-- $3 last_xid      bigint
-- $4 last_event_id bigint
-- $5 new_position  text    of the second
-- $6 narrowed      boolean the filter looks at partition and tags
-- → passed (by the second, not by the first), status, job_name, code_location, requester, partition_key, tags, events
WITH compared AS (
    SELECT
        e.status,
        e.job_name,
        e.code_location,
        coalesce(
            (
                SELECT q.sensor_name FROM runbell.run_requests AS q
                WHERE q.run_id = e.run_id AND q.target = e.source
                LIMIT 1
            ),
            (
                SELECT q.sensor_name
                FROM runbell.run_requests AS q
                WHERE q.request_id = CASE
                    WHEN e.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$'
                    THEN (e.tags ->> 'runbell/request_id')::bigint
                END
            )
        ) AS requester,
        CASE WHEN $6::boolean THEN coalesce(e.partition_key, e.tags ->> 'dagster/partition') END AS partition_key,
        CASE WHEN $6::boolean THEN e.tags::text END AS tags,
        pg_visible_in_snapshot(e.xid, $5::text::pg_snapshot) AS passed
    FROM runbell.run_events AS e
    -- What both have passed, and what neither has, is not looked at.
    WHERE e.xid >= least(pg_snapshot_xmin($1::text::pg_snapshot), pg_snapshot_xmin($5::text::pg_snapshot))
        AND e.xid < CASE
            WHEN $1::text IS NULL THEN '9223372036854775807'::xid8
            ELSE greatest(
                pg_snapshot_xmax($1::text::pg_snapshot),
                pg_snapshot_xmax($2::text::pg_snapshot),
                pg_snapshot_xmax($5::text::pg_snapshot)
            )
        END
        AND pg_visible_in_snapshot(e.xid, $5::text::pg_snapshot) <> (
        $1::text IS NULL
        OR pg_visible_in_snapshot(e.xid, $1::text::pg_snapshot)
        OR $2::text IS NOT NULL
            AND pg_visible_in_snapshot(e.xid, $2::text::pg_snapshot)
            AND (e.xid, e.event_id) <= ($3::bigint::text::xid8, $4::bigint)
    )
)
SELECT
    c.passed, c.status, c.job_name, c.code_location, c.requester, c.partition_key, c.tags, count(*) AS events
FROM compared AS c
GROUP BY c.passed, c.status, c.job_name, c.code_location, c.requester, c.partition_key, c.tags
