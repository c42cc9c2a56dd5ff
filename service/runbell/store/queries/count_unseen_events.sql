-- What lies beyond each place, counted by what filters look at: which sensors it concerns is decided by their filters.
-- Sensors that stand at the same place are counted once. Of each place only the first rows beyond it are read, of
-- statuses that somebody there asks for: a backlog that is larger is counted as far as that.
-- $1 row_limit bigint  rows to read beyond each place
-- → sensors (that stand there), former (their former filters hold), status, job_name, code_location, requester,
--   partition_key and tags (null where none of their filters looks at them), events, age_seconds (of the oldest)
WITH places AS MATERIALIZED (
    SELECT
        min(s.position::text)::pg_snapshot AS position,
        min(s.upper::text)::pg_snapshot AS upper,
        min(s.filter_since::text)::pg_snapshot AS filter_since,
        s.last_xid,
        s.last_event_id,
        array_agg(DISTINCT s.sensor_name) AS sensors,
        array_agg(DISTINCT w.status) AS statuses,
        bool_or(
            s.filter ?| '{tags,partitions,origins}' OR s.former_filter ?| '{tags,partitions,origins}'
        ) AS narrowed
    FROM runbell.sensors AS s
    CROSS JOIN LATERAL (
        SELECT jsonb_array_elements_text(s.filter -> 'statuses')
        UNION ALL
        SELECT jsonb_array_elements_text(s.former_filter -> 'statuses')
    ) AS w (status)
    WHERE s.position IS NOT NULL
    GROUP BY s.position::text, s.upper::text, s.filter_since::text, s.last_xid, s.last_event_id
)
SELECT
    p.sensors,
    u.former,
    u.status,
    u.job_name,
    u.code_location,
    u.requester,
    u.partition_key,
    u.tags,
    count(*) AS events,
    -- A row put in by hand may say anything of its time, also infinity.
    coalesce(
        extract(EPOCH FROM clock_timestamp() - min(u.recorded_at) FILTER (WHERE isfinite(u.recorded_at))), 0
    )::double precision AS age_seconds
FROM places AS p
CROSS JOIN LATERAL (
    SELECT
        e.status,
        e.job_name,
        e.code_location,
        e.recorded_at,
        CASE WHEN p.narrowed THEN coalesce(e.partition_key, e.tags ->> 'dagster/partition') END AS partition_key,
        CASE WHEN p.narrowed THEN e.tags::text END AS tags,
        p.filter_since IS NOT NULL AND pg_visible_in_snapshot(e.xid, p.filter_since) AS former,
        coalesce(
            (
                SELECT q.sensor_name
                FROM runbell.run_requests AS q
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
        ) AS requester
    FROM (
        (
            SELECT b.*
            FROM runbell.run_events AS b
            WHERE b.xid >= pg_snapshot_xmax(p.position)
                AND b.status = ANY (p.statuses)
                AND NOT (
                    p.upper IS NOT NULL
                    AND pg_visible_in_snapshot(b.xid, p.upper)
                    AND (b.xid, b.event_id) <= (p.last_xid, p.last_event_id)
                )
            ORDER BY b.xid, b.event_id
            LIMIT $1::bigint
        )
        UNION ALL
        (
            SELECT b.*
            FROM runbell.run_events AS b
            WHERE b.xid = ANY (ARRAY(SELECT pg_snapshot_xip(p.position)))
                AND b.status = ANY (p.statuses)
                AND NOT (
                    p.upper IS NOT NULL
                    AND pg_visible_in_snapshot(b.xid, p.upper)
                    AND (b.xid, b.event_id) <= (p.last_xid, p.last_event_id)
                )
            ORDER BY b.xid, b.event_id
            LIMIT $1::bigint
        )
    ) AS e
) AS u
GROUP BY p.sensors, u.former, u.status, u.job_name, u.code_location, u.requester, u.partition_key, u.tags
