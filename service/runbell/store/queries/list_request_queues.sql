-- The open requests of each target: those that a launcher could take now, since when the oldest of them could have been
-- taken, and those that launchers hold. Endless moments, put in by hand, have no age.
-- → target, waiting, oldest_seconds, held
SELECT
    q.target,
    count(*) FILTER (WHERE q.takeable_at <= clock_timestamp()) AS waiting,
    coalesce(extract(EPOCH FROM clock_timestamp() - min(q.takeable_at) FILTER (WHERE isfinite(q.takeable_at))), 0)::float8
        AS oldest_seconds,
    count(*) FILTER (WHERE q.takeable_at > clock_timestamp() AND q.state = 'claimed') AS held
FROM (
    SELECT
        r.target,
        r.state,
        CASE WHEN r.state = 'claimed' THEN r.claimed_until ELSE greatest(r.requested_at, r.due_at) END AS takeable_at
    FROM runbell.run_requests AS r
    WHERE r.state IN ('pending', 'claimed')
) AS q
GROUP BY q.target
ORDER BY q.target
