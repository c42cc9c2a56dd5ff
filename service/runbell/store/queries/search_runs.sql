-- The runs of this id, in whichever source.
-- $1 run_id text
-- $2 source text  null: any
WITH RECURSIVE sources AS (
    -- One step an index entry: there are few sources and many runs.
    (SELECT r.source FROM runbell.runs AS r ORDER BY r.source LIMIT 1)
    UNION ALL
    SELECT (SELECT r.source FROM runbell.runs AS r WHERE r.source > s.source ORDER BY r.source LIMIT 1)
    FROM sources AS s
    WHERE s.source IS NOT NULL
)
SELECT
    r.source,
    r.run_id,
    r.job_name,
    r.code_location,
    r.status,
    r.partition_key,
    left(jsonb_pretty(r.tags), 20000) AS tags,
    to_json(r.created_at) #>> '{}' AS created_at,
    to_json(r.started_at) #>> '{}' AS started_at,
    to_json(r.ended_at) #>> '{}' AS ended_at
FROM sources AS s
JOIN runbell.runs AS r ON r.source = s.source AND r.run_id = $1::text
WHERE $2::text IS NULL OR r.source = $2::text
ORDER BY r.source
