-- Removes the next of the old ticks. Of each sensor the one that got furthest stays: after a restore it tells how far
-- anybody had got.
-- $1 after_id     bigint  the tick that has been looked at up to, or 0
-- $2 keep_seconds float8
-- $3 scanned      bigint  ticks to look at
-- → events (rows looked at), old (of them, by their age), removed, last_id
WITH page AS MATERIALIZED (
    SELECT
        t.ctid AS version, t.tick_id, t.sensor_name, t.last_event_id,
        t.settled_at < now() - make_interval(secs => $2::float8) AS old
    FROM runbell.ticks AS t
    WHERE t.tick_id > $1::bigint
    ORDER BY t.tick_id
    LIMIT $3::bigint
),
removed AS (
    DELETE FROM runbell.ticks AS t
    WHERE t.ctid = ANY (ARRAY(
        SELECT p.version
        FROM page AS p
        WHERE p.old
            AND EXISTS (
                SELECT FROM runbell.ticks AS n
                WHERE n.sensor_name = p.sensor_name AND n.tick_id > p.tick_id AND n.last_event_id >= p.last_event_id
                OFFSET 0
            )
    ))
    RETURNING t.tick_id
)
SELECT
    (SELECT count(*) FROM page) AS events,
    (SELECT count(*) FROM page AS p WHERE p.old) AS old,
    (SELECT count(*) FROM removed) AS removed,
    (SELECT max(p.tick_id) FROM page AS p) AS last_id
