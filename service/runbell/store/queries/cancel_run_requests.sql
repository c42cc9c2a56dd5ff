-- Takes requests out of the queue that nobody holds. One that a launcher holds may be a run by now, and is left alone.
-- Their run keys stay taken.
-- $1 request_ids bigint[]
-- → request_id
UPDATE runbell.run_requests AS q
SET state = 'canceled',
    claimed_until = NULL
WHERE q.request_id = ANY ($1::bigint[])
    AND (q.state = 'pending' OR q.state = 'claimed' AND q.claimed_until <= clock_timestamp())
RETURNING q.request_id
