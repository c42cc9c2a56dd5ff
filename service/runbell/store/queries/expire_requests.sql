-- Removes the next of the old requests that are done with. One stays for as long as its event does, or an evaluation of
-- it; and as the run that it led to: whose own run an event is of is asked here. Keys of runs stay for ever.
-- $1 after_id     bigint  the request that has been looked at up to, or 0
-- $2 keep_seconds float8
-- $3 scanned      bigint  requests to look at
-- → events (rows looked at), old (of them, by their age), removed, last_id
WITH page AS MATERIALIZED (
    SELECT
        q.ctid AS version, q.request_id, q.event_id, q.target, q.run_id, q.state,
        greatest(q.requested_at, q.launched_at) < now() - make_interval(secs => $2::float8) AS old
    FROM runbell.run_requests AS q
    WHERE q.request_id > $1::bigint
    ORDER BY q.request_id
    LIMIT $3::bigint
),
removable AS MATERIALIZED (
    SELECT p.version
    FROM page AS p
    WHERE p.old
        AND p.state IN ('launched', 'failed', 'canceled')
        AND NOT EXISTS (SELECT FROM runbell.run_events AS e WHERE e.event_id = p.event_id OFFSET 0)
        AND NOT EXISTS (SELECT FROM runbell.evaluations AS v WHERE v.event_id = p.event_id OFFSET 0)
        AND NOT EXISTS (SELECT FROM runbell.run_events AS e WHERE e.source = p.target AND e.run_id = p.run_id OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM runbell.runs AS r
            WHERE r.source = p.target AND r.run_id = p.run_id AND r.ended_at IS NULL
            OFFSET 0
        )
),
-- Somebody may ask for another try in between: the very versions that were looked at, and none that is held.
free AS MATERIALIZED (
    SELECT q.ctid AS version
    FROM runbell.run_requests AS q
    WHERE q.ctid = ANY (ARRAY(SELECT r.version FROM removable AS r))
    FOR UPDATE SKIP LOCKED
),
removed AS (
    DELETE FROM runbell.run_requests AS q
    WHERE q.ctid = ANY (ARRAY(SELECT f.version FROM free AS f))
    RETURNING q.request_id
)
SELECT
    (SELECT count(*) FROM page) AS events,
    (SELECT count(*) FROM page AS p WHERE p.old) AS old,
    (SELECT count(*) FROM removed) AS removed,
    (SELECT max(p.request_id) FROM page AS p) AS last_id
