-- The run could not be started. With retry_in the request is pending again, not before that time; without, failed.
CREATE FUNCTION runbell.fail_run_request(
    request_id bigint, attempt integer, error text, retry_in interval DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE runbell.run_requests AS q
    SET state = CASE WHEN retry_in IS NULL THEN 'failed' ELSE 'pending' END,
        due_at = clock_timestamp() + retry_in,
        claimed_by = NULL,
        claimed_until = NULL,
        error = fail_run_request.error
    WHERE q.request_id = fail_run_request.request_id AND q.state = 'claimed' AND q.attempts = attempt;
    RETURN FOUND;
END
$$
