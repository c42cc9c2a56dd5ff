-- These runs, as far as they have been recorded.
-- $1 sources text[]
-- $2 run_ids text[]
-- → source, run_id, job_name, code_location, status
SELECT r.source, r.run_id, r.job_name, r.code_location, r.status
FROM unnest($1::text[], $2::text[]) AS k (source, run_id)
JOIN runbell.runs AS r ON r.source = k.source AND r.run_id = k.run_id
