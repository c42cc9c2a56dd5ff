-- The run was started under this id; false: the claim was lost, nothing changed.
CREATE FUNCTION runbell.complete_run_request(request_id bigint, attempt integer, run_id text) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM runbell.refuse_bad_name('run_id', complete_run_request.run_id);
    UPDATE runbell.run_requests AS q
    SET state = 'launched',
        run_id = complete_run_request.run_id,
        launched_at = clock_timestamp(),
        claimed_until = NULL,
        error = NULL
    WHERE q.request_id = complete_run_request.request_id AND q.state = 'claimed' AND q.attempts = attempt;
    RETURN FOUND;
END
$$
