-- Called by every writer of events: rings only while a daemon sleeps. A sleeping daemon holds SHARE on the bell, so the
-- lock below is refused; granted, it tells the daemon to keep reading until this transaction has ended.
-- NOTIFY in each transaction would serialise the commits of all writers.
-- runbell.bell = off: for sessions that PREPARE TRANSACTION, which PostgreSQL refuses after NOTIFY.
CREATE FUNCTION runbell.ring_if_asleep() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('runbell.bell', true) = 'off' THEN
        RETURN;
    END IF;
    BEGIN
        LOCK TABLE runbell.bell IN ROW EXCLUSIVE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
        PERFORM runbell.ring('runbell_events');
    END;
END
$$
