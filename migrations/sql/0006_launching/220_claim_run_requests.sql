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
    wanted text[];
    seen bigint[];
    seen_up_to bigint := -9223372036854775808;
    left_over bigint := max_requests;
    got integer;
BEGIN
    IF consumer IS NULL THEN
        RAISE EXCEPTION 'runbell: consumer must not be null' USING ERRCODE = 'invalid_parameter_value';
    ELSIF max_requests IS NULL OR max_requests < 1 THEN
        RAISE EXCEPTION 'runbell: max_requests must be at least 1, not %', coalesce(max_requests::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM runbell.refuse_bad_hold(hold);
    IF claim_run_requests.targets IS NOT NULL THEN
        wanted := claim_run_requests.targets;
    ELSE
        -- One after another: what waits for them is not looked through.
        WITH RECURSIVE open AS (
            (
                SELECT q.target FROM runbell.run_requests AS q
                WHERE q.state IN ('pending', 'claimed')
                ORDER BY q.target
                LIMIT 1
            )
            UNION ALL
            SELECT n.target
            FROM open AS o
            CROSS JOIN LATERAL (
                SELECT q.target FROM runbell.run_requests AS q
                WHERE q.state IN ('pending', 'claimed') AND q.target > o.target
                ORDER BY q.target
                LIMIT 1
            ) AS n
        )
        SELECT array_agg(o.target) INTO wanted FROM open AS o;
    END IF;
    wanted := ARRAY(
        SELECT DISTINCT t.target
        FROM unnest(wanted) AS t (target)
        WHERE NOT EXISTS (SELECT FROM runbell.paused_targets AS p WHERE p.target = t.target)
    );
    LOOP
        -- Some more than are taken, in place of those that another claim is taking at this moment.
        seen := ARRAY(
            SELECT h.request_id
            FROM unnest(wanted) AS t (target)
            CROSS JOIN LATERAL (
                SELECT q.request_id
                FROM runbell.run_requests AS q
                -- As a range: of a single target the planner may look for the oldest among everybody's.
                WHERE (q.target, q.request_id) > (t.target, seen_up_to)
                    AND q.target <= t.target
                    AND q.state IN ('pending', 'claimed')
                    AND (q.state = 'pending' AND (q.due_at IS NULL OR q.due_at <= now_at) OR q.claimed_until <= now_at)
                ORDER BY q.target, q.request_id
                LIMIT left_over + 10
            ) AS h
            ORDER BY h.request_id
            LIMIT left_over + 10
        );
        RETURN QUERY
        WITH picked AS MATERIALIZED (
            SELECT q.request_id
            FROM runbell.run_requests AS q
            WHERE q.request_id = ANY (seen)
                AND q.state IN ('pending', 'claimed')
                AND (q.state = 'pending' AND (q.due_at IS NULL OR q.due_at <= now_at) OR q.claimed_until <= now_at)
            ORDER BY q.request_id
            LIMIT left_over
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
        GET DIAGNOSTICS got = ROW_COUNT;
        EXIT WHEN got = left_over OR cardinality(seen) < left_over + 10;
        left_over := left_over - got;
        seen_up_to := seen[cardinality(seen)];
    END LOOP;
END
$$
