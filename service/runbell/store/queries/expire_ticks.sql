-- Removes the next of the old ticks. Of each sensor the one that got furthest stays, which after a restore tells how far
-- anybody had got, and the last one. What got less far than another of its page needs no look at all that came later.
-- $1 after_id     bigint  the tick that has been looked at up to, or 0
-- $2 keep_seconds float8
-- $3 scanned      bigint  ticks to look at
-- → events (rows looked at), old (of them, by their age), removed, last_id
WITH page AS MATERIALIZED (
    SELECT
        k.*,
        k.tick_id = first_value(k.tick_id) OVER (
            PARTITION BY k.sensor_name ORDER BY k.last_event_id DESC, k.tick_id DESC
        ) AS furthest,
        k.tick_id = max(k.tick_id) OVER (PARTITION BY k.sensor_name) AS last
    FROM (
        SELECT
            t.ctid AS version, t.tick_id, t.sensor_name, t.last_event_id,
            t.settled_at < now() - make_interval(secs => $2::float8) AS old
        FROM runbell.ticks AS t
        WHERE t.tick_id > $1::bigint
        ORDER BY t.tick_id
        LIMIT $3::bigint
    ) AS k
),
removed AS (
    DELETE FROM runbell.ticks AS t
    WHERE t.ctid = ANY (ARRAY(
        SELECT p.version
        FROM page AS p
        WHERE p.old
            AND (
                NOT p.last
                OR EXISTS (
                    SELECT FROM runbell.ticks AS n
                    WHERE n.sensor_name = p.sensor_name AND n.tick_id > p.tick_id
                    OFFSET 0
                )
            )
            AND (
                NOT p.furthest
                OR EXISTS (
                    SELECT FROM runbell.ticks AS n
                    WHERE n.sensor_name = p.sensor_name AND n.tick_id > p.tick_id AND n.last_event_id >= p.last_event_id
                    OFFSET 0
                )
            )
    ))
    RETURNING t.tick_id
)
SELECT
    (SELECT count(*) FROM page) AS events,
    (SELECT count(*) FROM page AS p WHERE p.old) AS old,
    (SELECT count(*) FROM removed) AS removed,
    (SELECT max(p.tick_id) FROM page AS p) AS last_id
