-- Takes up to max_requests open requests for a consumer, oldest first. Each is held until the hold has run out; after
-- that another claim may take it, and its attempts, which count claims, fence off the earlier one. Those for a paused
-- target are left alone.
CREATE OR REPLACE FUNCTION runbell.claim_run_requests(
    consumer text,
    max_requests integer DEFAULT 1,
    hold interval DEFAULT '1 minute',
    targets text[] DEFAULT NULL
) RETURNS SETOF runbell.run_requests
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now_at timestamptz := clock_timestamp();
BEGIN
    IF consumer IS NULL THEN
        RAISE EXCEPTION 'runbell: consumer must not be null' USING ERRCODE = 'invalid_parameter_value';
    ELSIF max_requests IS NULL OR max_requests < 1 THEN
        RAISE EXCEPTION 'runbell: max_requests must be at least 1, not %', coalesce(max_requests::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM runbell.refuse_bad_hold(hold);
    -- Not to look through all that waits for it.
    IF claim_run_requests.targets <@ ARRAY(SELECT p.target FROM runbell.paused_targets AS p) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH picked AS MATERIALIZED (
        SELECT q.request_id
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed')
            AND (q.state = 'pending' AND (q.due_at IS NULL OR q.due_at <= now_at) OR q.claimed_until <= now_at)
            AND (claim_run_requests.targets IS NULL OR q.target = ANY (claim_run_requests.targets))
            AND NOT EXISTS (SELECT FROM runbell.paused_targets AS p WHERE p.target = q.target)
        ORDER BY q.request_id
        LIMIT max_requests
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    taken AS (
        UPDATE runbell.run_requests AS q
        SET state = 'claimed',
            claimed_by = consumer,
            claimed_until = now_at + hold,
            attempts = q.attempts + 1
        FROM picked AS p
        WHERE q.request_id = p.request_id
        RETURNING q.*
    )
    SELECT t.* FROM taken AS t ORDER BY t.request_id;
END
$$
