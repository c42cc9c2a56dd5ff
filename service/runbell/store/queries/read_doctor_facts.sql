-- What may be wrong with a server, as far as it knows itself.
-- → version_number, version, in_recovery, user_name, has_usage (of the schema; null: there is none), sees_others (what
--   sessions of other users do), stamped (the trigger that stamps events is there and enabled), now (seconds since 1970)
SELECT
    current_setting('server_version_num')::integer AS version_number,
    current_setting('server_version') AS version,
    pg_is_in_recovery() AS in_recovery,
    current_user::text AS user_name,
    (
        SELECT has_schema_privilege(n.oid, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = 'runbell'
    ) AS has_usage,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_others,
    EXISTS (
        SELECT
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = 'runbell' AND c.relname = 'run_events'
            AND t.tgname = 'stamp_run_event' AND t.tgenabled = 'A'
    ) AS stamped,
    extract(EPOCH FROM clock_timestamp())::float8 AS now
