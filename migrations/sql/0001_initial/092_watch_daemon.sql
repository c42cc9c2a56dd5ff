-- Waits until nobody holds the session lock of a daemon, or until the seconds have passed; true: nobody holds it.
-- A waiting backend keeps vacuum from cleaning up behind it, so the wait must be shorter than that may last.
CREATE FUNCTION runbell.watch_daemon(lock_key bigint, seconds double precision) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('lock_timeout', (seconds * 1000)::integer::text, true);
    PERFORM pg_advisory_xact_lock_shared(lock_key);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$
