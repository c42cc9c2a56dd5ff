-- Takes open requests for a launcher, oldest first, each held for a while.
-- $1 consumer text
-- $2 max_requests integer
-- $3 hold_seconds double precision
-- $4 targets text[]
SELECT
    q.request_id,
    q.sensor_name,
    q.event_id,
    q.target,
    q.job_name,
    q.code_location,
    q.run_key,
    q.partition_key,
    q.asset_selection::text AS asset_selection,
    q.run_config::text AS run_config,
    q.tags::text AS tags,
    q.attempts,
    to_char(q.requested_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS requested_at,
    extract(EPOCH FROM clock_timestamp() - q.requested_at)::double precision AS age_seconds
FROM runbell.claim_run_requests($1::text, $2::integer, make_interval(secs => $3::double precision), $4::text[]) AS q
