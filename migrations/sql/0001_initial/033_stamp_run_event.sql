-- The transaction that really inserts the row, whatever was given: a restored or replicated row would bring the xid of
-- another cluster and be delivered for ever. pg_current_xact_id() is the top-level id, also inside a savepoint.
CREATE FUNCTION runbell.stamp_run_event() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.xid := pg_current_xact_id();
    NEW.native_status := coalesce(NEW.native_status, NEW.status);
    RETURN NEW;
END
$$
