-- Records one status change of a run.
-- $1 run_id text
-- $2 job_name text
-- $3 status text
-- $4 code_location text
-- $5 partition_key text
-- $6 tags jsonb
-- $7 run_config jsonb
-- $8 message text
-- $9 error jsonb
-- $10 source text
SELECT runbell.record_run_status(
    $1::text, $2::text, $3::text, $4::text, $5::text, $6::jsonb, $7::jsonb, $8::text, $9::jsonb, $10::text
)
