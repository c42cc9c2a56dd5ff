-- Begins a round of retention, unless one has begun within so many seconds; whoever gets the row does it.
-- $1 seconds float8
-- → began_at, no row: it is not due
UPDATE runbell.retention AS r
SET began_at = clock_timestamp()
WHERE r.began_at <= clock_timestamp() - make_interval(secs => $1::float8)
RETURNING r.began_at::text AS began_at
