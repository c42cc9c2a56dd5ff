-- Records the failure of one step of a run.
-- $1 run_id text
-- $2 step_key text
-- $3 error jsonb
-- $4 source text
SELECT runbell.record_step_failure($1::text, $2::text, $3::jsonb, $4::text)
