-- The newest ticks of a sensor; `document` is the row as JSON, `said` the first reason or error that it keeps.
-- $1 sensor_name text
-- $2 row_limit   integer
WITH listed AS (
    SELECT
        t.tick_id,
        t.sensor_name,
        t.settled_at,
        t.first_event_id,
        t.last_event_id,
        t.requested,
        t.acted,
        t.skipped,
        t.failed,
        t.details
    FROM runbell.ticks AS t
    WHERE t.sensor_name = $1
    ORDER BY t.tick_id DESC
    LIMIT $2::integer
)
SELECT
    to_json(l)::text AS document,
    l.tick_id,
    l.settled_at::text AS settled_at,
    l.first_event_id,
    l.last_event_id,
    l.requested,
    l.acted,
    l.skipped,
    l.failed,
    l.details #>> '{0,said}' AS said
FROM listed AS l
ORDER BY l.tick_id DESC
