-- Transactions that have recorded status changes and have not ended, told by the lock that an INSERT holds. Where
-- another user's session does not show since when, the first event of a later transaction tells that it is older.
-- $1 seconds  float8  open for so long, at least
-- → name (process, or name of a prepared transaction), prepared, user_name, application, seconds
WITH held AS MATERIALIZED (
    SELECT DISTINCT l.pid, l.virtualtransaction
    FROM pg_locks AS l
    WHERE l.relation = 'runbell.run_events'::regclass
        AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
        AND l.mode = 'RowExclusiveLock'
        AND l.granted
),
open AS (
    SELECT
        a.pid::text AS name,
        false AS prepared,
        a.usename::text AS user_name,
        a.application_name AS application,
        coalesce(
            extract(EPOCH FROM clock_timestamp() - a.xact_start),
            (
                SELECT extract(EPOCH FROM clock_timestamp() - e.recorded_at)
                FROM runbell.run_events AS e
                WHERE isfinite(e.recorded_at) AND e.xid > (
                    SELECT x.xid
                    FROM pg_locks AS t
                    JOIN pg_snapshot_xip(pg_current_snapshot()) AS x (xid)
                        ON x.xid::text::bigint & 4294967295 = t.transactionid::text::bigint
                    WHERE t.pid = h.pid AND t.locktype = 'transactionid' AND t.mode = 'ExclusiveLock' AND t.granted
                    LIMIT 1
                )
                ORDER BY e.xid, e.event_id
                LIMIT 1
            )
        )::float8 AS seconds
    FROM held AS h
    JOIN pg_stat_activity AS a ON a.pid = h.pid
    WHERE h.pid <> pg_backend_pid()
    UNION ALL
    SELECT
        p.gid, true, p.owner::text, NULL, extract(EPOCH FROM clock_timestamp() - p.prepared)::float8
    FROM held AS h
    JOIN pg_locks AS t
        ON t.virtualtransaction = h.virtualtransaction AND t.pid IS NULL AND t.locktype = 'transactionid'
    JOIN pg_prepared_xacts AS p ON p.transaction = t.transactionid
    WHERE h.pid IS NULL
)
SELECT o.name, o.prepared, o.user_name, o.application, o.seconds
FROM open AS o
WHERE o.seconds >= $1::float8
ORDER BY o.seconds DESC
