-- Puts requests that have failed or were canceled back into the queue, and rings the launchers. Their attempts go on
-- counting: they fence off whoever claimed them before. Also one that was canceled while it waited is due at once: only a
-- launcher that could not start a run makes a request wait, and who asks for another try overrules it.
-- $1 request_ids bigint[]
-- → request_id
WITH retried AS (
    UPDATE runbell.run_requests AS q
    SET state = 'pending',
        due_at = NULL,
        claimed_by = NULL,
        claimed_until = NULL,
        error = NULL
    WHERE q.request_id = ANY ($1::bigint[]) AND q.state IN ('failed', 'canceled')
    RETURNING q.request_id
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_requests') AS rung WHERE EXISTS (SELECT FROM retried)
)
SELECT t.request_id
FROM retried AS t
LEFT JOIN rung AS g ON true
ORDER BY t.request_id
