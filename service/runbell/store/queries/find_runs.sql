-- The runs of this id, of every source. Sources are few: each is looked into by the index.
-- $1 run_id text
-- → source, run_id, job_name, code_location, status
WITH RECURSIVE known AS (
    (SELECT r.source FROM runbell.runs AS r ORDER BY r.source LIMIT 1)
    UNION ALL
    SELECT (SELECT r.source FROM runbell.runs AS r WHERE r.source > k.source ORDER BY r.source LIMIT 1)
    FROM known AS k
    WHERE k.source IS NOT NULL
)
SELECT r.source, r.run_id, r.job_name, r.code_location, r.status
FROM known AS k
JOIN runbell.runs AS r ON r.source = k.source AND r.run_id = $1
ORDER BY r.source
