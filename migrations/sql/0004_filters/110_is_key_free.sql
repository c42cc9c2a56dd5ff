-- May somebody else have this run key? Of a request or a run that is not kept any more nobody knows how it ended: then
-- while_active is over, and until_success holds.
-- VOLATILE, so that each call sees what is committed by then, also beyond the snapshot of the statement that calls it:
-- who waited for another statement with this key must see the request that that one made.
CREATE FUNCTION runbell.is_key_free(policy text, expires_at timestamptz, request_id bigint) RETURNS boolean
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    request record;
    run_status text;
BEGIN
    IF expires_at <= clock_timestamp() THEN
        RETURN true;
    ELSIF policy = 'forever' THEN
        RETURN false;
    END IF;
    SELECT q.state, q.target, q.run_id INTO request
    FROM runbell.run_requests AS q
    WHERE q.request_id = is_key_free.request_id;
    IF NOT FOUND THEN
        RETURN policy = 'while_active';
    ELSIF request.state IN ('failed', 'canceled') THEN
        RETURN true;
    ELSIF request.state <> 'launched' THEN
        RETURN false;
    END IF;
    run_status := (
        SELECT r.status FROM runbell.runs AS r WHERE r.source = request.target AND r.run_id = request.run_id
    );
    -- Not known yet: it was launched, and runs.
    RETURN coalesce(
        run_status IN ('FAILURE', 'CANCELED') OR run_status = 'SUCCESS' AND policy = 'while_active', false
    );
END
$$
