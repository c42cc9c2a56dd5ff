-- Prolongs a claim; false: it was lost. A claim that has run out but was not taken by another is still the caller's.
CREATE FUNCTION runbell.renew_run_request(request_id bigint, attempt integer, hold interval) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM runbell.refuse_bad_hold(hold);
    UPDATE runbell.run_requests AS q
    SET claimed_until = clock_timestamp() + hold
    WHERE q.request_id = renew_run_request.request_id AND q.state = 'claimed' AND q.attempts = attempt;
    RETURN FOUND;
END
$$
