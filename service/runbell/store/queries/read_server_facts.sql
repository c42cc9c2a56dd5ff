-- The server as an operator asks for it, and the bell.
-- → version, database_name, in_recovery, started_at, queue_usage (of notifications, 0 to 1), asleep (daemons that sleep
--   until they are rung), connections, max_connections
SELECT
    current_setting('server_version') AS version,
    current_database()::text AS database_name,
    pg_is_in_recovery() AS in_recovery,
    to_json(pg_postmaster_start_time()) #>> '{}' AS started_at,
    pg_notification_queue_usage() AS queue_usage,
    (
        SELECT count(*)
        FROM pg_locks AS l
        WHERE l.relation = 'runbell.bell'::regclass
            AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
            AND l.mode = 'ShareLock'
            AND l.granted
    ) AS asleep,
    (SELECT count(*) FROM pg_stat_activity AS a WHERE a.backend_type = 'client backend') AS connections,
    current_setting('max_connections')::bigint AS max_connections
