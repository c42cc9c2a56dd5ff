-- Removes what is known of the next runs that nobody has heard of for long: no event of theirs is left, and no
-- orchestrator that is attached still has their row. With them the failures of their steps. Of a run whose
-- request holds a run key until it has ended, or succeeded, it stays with that request: the key asks how it ended.
-- $1 after_source text    the run that has been looked at up to, or ''
-- $2 after_run_id text
-- $3 keep_seconds float8
-- $4 scanned      bigint  runs to look at
-- → events (rows looked at), removed, source and run_id of the last one
WITH page AS MATERIALIZED (
    SELECT r.ctid AS version, r.source, r.run_id, r.updated_at < now() - make_interval(secs => $3::float8) AS old
    FROM runbell.runs AS r
    WHERE (r.source, r.run_id) > ($1::text, $2::text)
    ORDER BY r.source, r.run_id
    LIMIT $4::bigint
),
removable AS MATERIALIZED (
    SELECT p.version
    FROM page AS p
    WHERE p.old
        AND NOT EXISTS (SELECT FROM runbell.run_events AS e WHERE e.source = p.source AND e.run_id = p.run_id OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM runbell.run_requests AS q
            JOIN runbell.run_keys AS k ON k.sensor_name = q.sensor_name AND k.run_key = q.run_key
            WHERE q.run_id = p.run_id AND q.target = p.source AND k.request_id = q.request_id AND k.policy <> 'forever'
            OFFSET 0
        )
        AND NOT runbell.source_keeps_run(p.source, p.run_id)
),
-- An event of the run may be on its way, and its transaction holds the row: it is not waited for.
free AS MATERIALIZED (
    SELECT r.ctid AS version
    FROM runbell.runs AS r
    WHERE r.ctid = ANY (ARRAY(SELECT m.version FROM removable AS m))
    FOR UPDATE SKIP LOCKED
),
removed AS (
    DELETE FROM runbell.runs AS r
    WHERE r.ctid = ANY (ARRAY(SELECT f.version FROM free AS f))
    RETURNING r.source, r.run_id
),
failures AS (
    DELETE FROM runbell.step_failures AS f
    WHERE f.ctid = ANY (ARRAY(
        SELECT k.version
        FROM removed AS r
        CROSS JOIN LATERAL (
            SELECT g.ctid AS version FROM runbell.step_failures AS g
            WHERE g.source = r.source AND g.run_id = r.run_id
            OFFSET 0
        ) AS k
    ))
)
SELECT
    (SELECT count(*) FROM page) AS events,
    (SELECT count(*) FROM removed) AS removed,
    last.source,
    last.run_id
FROM (SELECT) AS one
LEFT JOIN (SELECT p.source, p.run_id FROM page AS p ORDER BY p.source DESC, p.run_id DESC LIMIT 1) AS last ON true
