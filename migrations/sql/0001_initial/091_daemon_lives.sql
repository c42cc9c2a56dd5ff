-- Does some session hold the lock of this daemon? It holds it for as long as it lives and is connected.
CREATE FUNCTION runbell.daemon_lives(lock_key bigint) RETURNS boolean
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (
        SELECT
        FROM pg_locks AS l
        WHERE l.locktype = 'advisory'
            AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
            AND (l.classid::bigint << 32) | l.objid::bigint = lock_key
            AND l.mode = 'ExclusiveLock'
            AND l.granted
    )
$$
