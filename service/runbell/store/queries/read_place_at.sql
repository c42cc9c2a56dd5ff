-- The place from which on a sensor sees everything that was recorded after a moment. Unseen is every transaction with an
-- event after it, and every one that has not finished: ids do not commit in order, so it may bring neighbours back, and
-- skips nothing.
-- $1 event_id    bigint  after this event, or null
-- $2 recorded_at float8  from this moment on (seconds since 1970), or null; both null: from now on
-- → position
WITH current AS MATERIALIZED (
    SELECT pg_current_snapshot() AS snapshot
),
first_unseen AS MATERIALIZED (
    SELECT e.xid
    FROM runbell.run_events AS e
    WHERE e.event_id > $1::bigint OR e.recorded_at >= to_timestamp($2::float8)
    ORDER BY e.xid
    LIMIT 1
),
bounds AS (
    SELECT
        c.snapshot,
        least(pg_snapshot_xmax(c.snapshot), (SELECT f.xid FROM first_unseen AS f)) AS xmax
    FROM current AS c
)
SELECT
    format(
        '%s:%s:%s',
        least(pg_snapshot_xmin(b.snapshot), b.xmax),
        b.xmax,
        (
            SELECT string_agg(x.xid::text, ',' ORDER BY x.xid)
            FROM pg_snapshot_xip(b.snapshot) AS x (xid)
            WHERE x.xid < b.xmax
        )
    ) AS position
FROM bounds AS b
