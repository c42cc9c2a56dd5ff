-- The run was started under this id; false: the claim was lost.
-- $1 request_id bigint
-- $2 attempt integer
-- $3 run_id text
SELECT runbell.complete_run_request($1::bigint, $2::integer, $3::text)
