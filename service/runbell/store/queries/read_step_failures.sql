-- The failed steps of a run, oldest first.
-- $1 source text
-- $2 run_id text
SELECT
    f.step_key,
    f.message,
    f.error::text AS error,
    extract(epoch FROM f.recorded_at)::float8 AS recorded_at
FROM runbell.read_step_failures($1::text, $2::text) AS f
