-- How many requests there are in each state, also in those that none is in.
SELECT
    k.state,
    count(q.request_id) AS requests
FROM unnest(ARRAY['pending', 'claimed', 'launched', 'failed', 'canceled']) WITH ORDINALITY AS k (state, position)
LEFT JOIN runbell.run_requests AS q ON q.state = k.state
GROUP BY k.state, k.position
ORDER BY k.position
