-- Has requests for a target launched again, and rings for those that waited; true: it was paused.
-- $1 target text
WITH resumed AS (
    DELETE FROM runbell.paused_targets AS p WHERE p.target = $1::text
    RETURNING p.target
)
SELECT
    (SELECT count(*) FROM resumed) > 0 AS changed,
    runbell.ring('runbell_requests') AS rung
