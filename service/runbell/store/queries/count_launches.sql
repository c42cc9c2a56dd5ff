-- Requests that were launched since the last count, by how long that took; up to two seconds ago, so that what commits
-- late is counted by the next one. Without a last count: only the moment to go on from.
-- $1 since timestamptz
-- $2 bounds float8[]     of the buckets, in seconds
-- → until, bucket (null: nothing was launched), launches, seconds (of all of them)
WITH span AS MATERIALIZED (
    SELECT $1::timestamptz AS since, clock_timestamp() - interval '2 seconds' AS until
),
launched AS (
    SELECT greatest(extract(EPOCH FROM q.launched_at - q.requested_at), 0)::double precision AS seconds
    FROM runbell.run_requests AS q
    WHERE q.launched_at > (SELECT s.since FROM span AS s)
        AND q.launched_at <= (SELECT s.until FROM span AS s)
        -- A row put in by hand may say anything of its time, also infinity.
        AND isfinite(q.requested_at)
)
SELECT (SELECT s.until FROM span AS s) AS until, NULL::integer AS bucket, 0::bigint AS launches, 0::double precision AS seconds
UNION ALL
SELECT NULL, width_bucket(l.seconds, $2::float8[]), count(*), sum(l.seconds)
FROM launched AS l
GROUP BY 2
