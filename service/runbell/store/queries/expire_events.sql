-- Removes the next of the old events that everybody has passed. What may go is decided here, in the statement that
-- removes it: older than they are kept, visible in the place of each sensor that is not orphaned, and in no row of
-- `evaluations`. One that only stopped sensors have not passed goes when it is older than those may hold it.
-- Places of another cluster mean nothing: then nothing goes.
-- $1 after_xid            bigint  the key that has been looked at up to, or 0
-- $2 after_event_id       bigint
-- $3 keep_seconds         float8
-- $4 keep_stopped_seconds float8
-- $5 scanned              bigint  events to look at
-- → what of it stopped sensors have not passed, so that it has few rows however many they are: first a row for each place
--   where some stand, with place (a number), sensor_names and filters; then one for each kind of event, by what their
--   filters look at, with places, status, job_name, code_location, partition_key, tags, events; and last a row of what was
--   looked at, with events, old (of them, by their age), removed, xid and event_id of the last one
WITH holding AS MATERIALIZED (
    SELECT
        s.sensor_name, s.filter, s.position, s.upper, s.last_xid, s.last_event_id,
        s.state = 'running' OR s.state = 'declared' AND s.declared_active AS active,
        s.filter ?| '{tags,partitions,origins}'::text[] AS narrowed
    FROM runbell.sensors AS s
    WHERE s.position IS NOT NULL AND NOT runbell.is_orphaned(s)
),
-- Thousands of sensors stand at a few places. PostgreSQL 14 has no min() of transaction ids or snapshots.
places AS MATERIALIZED (
    SELECT
        min(h.position::text)::pg_snapshot AS position, min(h.upper::text)::pg_snapshot AS upper,
        h.last_xid, h.last_event_id, bool_or(h.active) AS active
    FROM holding AS h
    GROUP BY h.position::text, h.upper::text, h.last_xid, h.last_event_id
),
-- Below `passed` each place sees everything; from `unseen` on, one that is in use sees nothing.
bounds AS MATERIALIZED (
    SELECT
        coalesce(min(pg_snapshot_xmin(p.position)::text::bigint), 9223372036854775807)::text::xid8 AS passed,
        coalesce(
            min(pg_snapshot_xmax(coalesce(p.upper, p.position))::text::bigint) FILTER (WHERE p.active),
            9223372036854775807
        )::text::xid8 AS unseen
    FROM runbell.cluster AS c
    JOIN pg_control_system() AS here ON here.system_identifier = c.system_identifier
    LEFT JOIN places AS p ON true
    WHERE NOT EXISTS (SELECT FROM runbell.list_places_ahead())
    HAVING count(*) > 0
),
page AS MATERIALIZED (
    SELECT
        e.version, e.event_id, e.xid, e.source, e.run_id, b.passed,
        e.recorded_at < now() - make_interval(secs => $3::float8) AS old,
        e.recorded_at < now() - make_interval(secs => $4::float8) AS older_than_held
    FROM bounds AS b
    CROSS JOIN LATERAL (
        SELECT f.ctid AS version, f.*
        FROM runbell.run_events AS f
        WHERE (f.xid, f.event_id) > ($1::bigint::text::xid8, $2::bigint) AND f.xid < b.unseen
        ORDER BY f.xid, f.event_id
        LIMIT $5::bigint
    ) AS e
),
removable AS MATERIALIZED (
    SELECT p.version
    FROM page AS p
    WHERE p.old
        AND (
            p.xid < p.passed
            OR NOT EXISTS (
                SELECT
                FROM places AS a
                WHERE (a.active OR NOT p.older_than_held)
                    AND NOT pg_visible_in_snapshot(p.xid, a.position)
                    AND (
                        a.upper IS NULL
                        OR NOT pg_visible_in_snapshot(p.xid, a.upper)
                        OR (p.xid, p.event_id) > (a.last_xid, a.last_event_id)
                    )
            )
        )
        AND NOT EXISTS (SELECT FROM runbell.evaluations AS v WHERE v.event_id = p.event_id OFFSET 0)
        AND (
            p.source NOT IN (SELECT s.source FROM runbell.sources AS s WHERE s.kind = 'dagster')
            OR runbell.compared_past(p.source, p.run_id)
        )
),
-- The very versions that were looked at: a rebase that comes in between changes them, and what the places mean.
removed AS (
    DELETE FROM runbell.run_events AS e
    WHERE e.ctid = ANY (ARRAY(SELECT r.version FROM removable AS r))
    RETURNING
        e.event_id, e.xid, e.status, e.job_name, e.code_location, e.tags,
        coalesce(e.partition_key, e.tags ->> 'dagster/partition') AS partition_key
),
stopped AS MATERIALIZED (
    SELECT
        row_number() OVER () AS place,
        min(h.position::text)::pg_snapshot AS position, min(h.upper::text)::pg_snapshot AS upper,
        h.last_xid, h.last_event_id, h.narrowed,
        array_agg(h.sensor_name ORDER BY h.sensor_name) AS sensor_names,
        array_agg(h.filter::text ORDER BY h.sensor_name) AS filters
    FROM holding AS h
    WHERE NOT h.active
    GROUP BY h.position::text, h.upper::text, h.last_xid, h.last_event_id, h.narrowed
),
-- Tags are those of one run: only sensors that look at them are told of each.
lost AS (
    SELECT
        u.places, r.status, r.job_name, r.code_location,
        CASE WHEN n.narrowed THEN r.partition_key END AS partition_key,
        CASE WHEN n.narrowed THEN r.tags::text END AS tags,
        count(*) AS events
    FROM removed AS r
    CROSS JOIN (VALUES (false), (true)) AS n (narrowed)
    CROSS JOIN LATERAL (
        SELECT array_agg(p.place ORDER BY p.place) AS places
        FROM stopped AS p
        WHERE p.narrowed = n.narrowed
            AND NOT pg_visible_in_snapshot(r.xid, p.position)
            AND (
                p.upper IS NULL
                OR NOT pg_visible_in_snapshot(r.xid, p.upper)
                OR (r.xid, r.event_id) > (p.last_xid, p.last_event_id)
            )
    ) AS u
    WHERE u.places IS NOT NULL AND r.xid >= (SELECT b.passed FROM bounds AS b)
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT
    p.place, p.sensor_names, p.filters,
    NULL::bigint[] AS places, NULL::text AS status, NULL::text AS job_name, NULL::text AS code_location,
    NULL::text AS partition_key, NULL::text AS tags, NULL::bigint AS events,
    NULL::bigint AS old, NULL::bigint AS removed, NULL::bigint AS xid, NULL::bigint AS event_id
FROM stopped AS p
WHERE EXISTS (SELECT FROM lost AS l WHERE p.place = ANY (l.places))
UNION ALL
SELECT
    NULL, NULL, NULL, l.places, l.status, l.job_name, l.code_location, l.partition_key, l.tags, l.events,
    NULL, NULL, NULL, NULL
FROM lost AS l
UNION ALL
SELECT
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    (SELECT count(*) FROM page), (SELECT count(*) FROM page AS p WHERE p.old), (SELECT count(*) FROM removed),
    last.xid::text::bigint, last.event_id
FROM (SELECT) AS one
LEFT JOIN (SELECT p.xid, p.event_id FROM page AS p ORDER BY p.xid DESC, p.event_id DESC LIMIT 1) AS last ON true
