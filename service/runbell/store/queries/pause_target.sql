-- Lets requests for a target wait; true: it was not paused yet.
-- $1 target text
WITH paused AS (
    INSERT INTO runbell.paused_targets (target) VALUES ($1::text)
    ON CONFLICT (target) DO NOTHING
    RETURNING target
)
SELECT count(*) > 0 AS changed FROM paused
