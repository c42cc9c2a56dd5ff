-- What is known of one run.
-- $1 run_id text
-- $2 source text  of the event that is being answered; its runs come first
-- The sources one after another: a run's id alone would be looked for through the whole index.
WITH RECURSIVE sources AS (
    (SELECT r.source FROM runbell.runs AS r ORDER BY r.source LIMIT 1)
    UNION ALL
    SELECT n.source
    FROM sources AS s
    CROSS JOIN LATERAL (
        SELECT r.source FROM runbell.runs AS r WHERE r.source > s.source ORDER BY r.source LIMIT 1
    ) AS n
)
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
    extract(epoch FROM r.ended_at)::float8 AS ended_at,
    extract(epoch FROM r.updated_at)::float8 AS updated_at,
    extract(epoch FROM t.enqueued_at)::float8 AS enqueued_at,
    extract(epoch FROM t.launched_at)::float8 AS launched_at
FROM sources AS s
CROSS JOIN LATERAL (SELECT g.* FROM runbell.runs AS g WHERE g.source = s.source AND g.run_id = $1 OFFSET 0) AS r
CROSS JOIN LATERAL (
    SELECT
        max(e.recorded_at) FILTER (WHERE e.status = 'QUEUED') AS enqueued_at,
        max(e.recorded_at) FILTER (WHERE e.status = 'STARTING') AS launched_at
    FROM runbell.run_events AS e
    WHERE e.source = r.source AND e.run_id = r.run_id
) AS t
ORDER BY r.source <> $2, r.source
LIMIT 1
