-- For how long the oldest request has been there for a launcher to take, in seconds; of the first ones in the queue.
-- $1 scanned bigint
WITH RECURSIVE targets AS (
    (
        SELECT q.target
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed')
        ORDER BY q.target
        LIMIT 1
    )
    UNION ALL
    SELECT n.target
    FROM targets AS t
    CROSS JOIN LATERAL (
        SELECT q.target
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed') AND q.target > t.target
        ORDER BY q.target
        LIMIT 1
    ) AS n
)
SELECT coalesce(max(extract(EPOCH FROM clock_timestamp() - o.since)), 0)::double precision AS seconds
FROM (
    SELECT CASE WHEN f.state = 'claimed' THEN f.claimed_until ELSE greatest(f.requested_at, f.due_at) END AS since
    FROM targets AS t
    CROSS JOIN LATERAL (
        SELECT q.*
        FROM runbell.run_requests AS q
        -- As a range: of a single target the planner may look for the first among everybody's.
        WHERE (q.target, q.request_id) > (t.target, -9223372036854775808)
            AND q.target <= t.target
            AND q.state IN ('pending', 'claimed')
        ORDER BY q.target, q.request_id
        LIMIT $1::bigint
    ) AS f
    ORDER BY f.request_id
    LIMIT $1::bigint
) AS o
WHERE isfinite(o.since) AND o.since <= clock_timestamp()
