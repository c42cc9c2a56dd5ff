-- The targets that have open requests or are paused; `document` is the whole row as JSON.
-- $1 row_limit integer
WITH open AS (
    SELECT
        q.target,
        count(*) FILTER (WHERE q.state = 'pending') AS pending,
        count(*) FILTER (WHERE q.state = 'claimed') AS claimed,
        extract(EPOCH FROM clock_timestamp() - min(q.requested_at))::double precision AS oldest_seconds
    FROM runbell.run_requests AS q
    WHERE q.state IN ('pending', 'claimed')
    GROUP BY q.target
),
listed AS (
    SELECT
        coalesce(o.target, p.target) AS target,
        p.target IS NOT NULL AS paused,
        p.paused_at,
        coalesce(o.pending, 0) AS pending,
        coalesce(o.claimed, 0) AS claimed,
        o.oldest_seconds
    FROM open AS o
    FULL JOIN runbell.paused_targets AS p ON p.target = o.target
)
SELECT
    to_json(l)::text AS document,
    l.target,
    l.paused,
    l.pending,
    l.claimed,
    l.oldest_seconds
FROM listed AS l
ORDER BY l.target
LIMIT $1::integer
