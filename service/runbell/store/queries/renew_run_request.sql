-- Prolongs a claim; false: it was lost.
-- $1 request_id bigint
-- $2 attempt integer
-- $3 hold_seconds double precision
SELECT runbell.renew_run_request($1::bigint, $2::integer, make_interval(secs => $3::double precision))
