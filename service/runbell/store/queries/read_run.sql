-- What is known of one run.
-- $1 run_id text
-- $2 source text  of the event that is being answered; its runs come first
SELECT
    r.run_id,
    r.source,
    r.job_name,
    r.code_location,
    r.status,
    r.partition_key,
    r.tags::text AS tags,
    r.run_config::text AS run_config,
    extract(epoch FROM r.created_at)::float8 AS created_at,
    extract(epoch FROM r.started_at)::float8 AS started_at,
    extract(epoch FROM r.ended_at)::float8 AS ended_at
FROM runbell.runs AS r
WHERE r.run_id = $1
ORDER BY r.source <> $2, r.source
LIMIT 1
