-- For how long the oldest request has been there for a launcher to take, in seconds; of the first ones in the queue.
-- $1 scanned bigint
SELECT coalesce(max(extract(EPOCH FROM clock_timestamp() - o.since)), 0)::double precision AS seconds
FROM (
    SELECT
        q.state,
        CASE WHEN q.state = 'claimed' THEN q.claimed_until ELSE greatest(q.requested_at, q.due_at) END AS since
    FROM runbell.run_requests AS q
    WHERE q.state IN ('pending', 'claimed')
    ORDER BY q.request_id
    LIMIT $1::bigint
) AS o
WHERE isfinite(o.since) AND o.since <= clock_timestamp()
