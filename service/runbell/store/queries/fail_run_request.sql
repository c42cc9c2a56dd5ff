-- The run could not be started; with a time it is pending again after that time, without it has failed.
-- $1 request_id bigint
-- $2 attempt integer
-- $3 error text
-- $4 retry_in_seconds double precision
SELECT runbell.fail_run_request(
    $1::bigint, $2::integer, $3::text, make_interval(secs => $4::double precision)
)
