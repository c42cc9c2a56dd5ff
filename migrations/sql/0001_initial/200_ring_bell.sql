-- Rings a channel, unless the notification queue fills up: a full one fails the COMMIT of whoever notifies.
CREATE FUNCTION runbell.ring(channel text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF pg_notification_queue_usage() <= 0.5 THEN
        PERFORM pg_notify(channel, '');
    END IF;
END
$$
