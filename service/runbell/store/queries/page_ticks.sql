-- A page of a sensor's ticks, the newest first, each with how long its oldest and its newest event had waited.
-- $1 sensor_name text
-- $2 before bigint     tick_id; null: from the newest on
-- $3 row_limit bigint
SELECT
    t.tick_id,
    t.first_event_id,
    t.last_event_id,
    t.requested,
    t.acted,
    t.skipped,
    t.failed,
    t.details::text AS details,
    to_json(t.settled_at) #>> '{}' AS settled_at,
    CASE WHEN isfinite(t.settled_at) THEN extract(EPOCH FROM t.settled_at) END::double precision AS settled,
    -- A row put in by hand may say anything of its time, also infinity.
    CASE
        WHEN isfinite(f.recorded_at) THEN greatest(extract(EPOCH FROM t.settled_at - f.recorded_at), 0)
    END::double precision AS oldest_seconds,
    CASE
        WHEN isfinite(l.recorded_at) THEN greatest(extract(EPOCH FROM t.settled_at - l.recorded_at), 0)
    END::double precision AS newest_seconds
FROM (
    SELECT p.*
    FROM runbell.ticks AS p
    WHERE p.sensor_name = $1::text AND p.tick_id < coalesce($2::bigint, 9223372036854775807)
    ORDER BY p.tick_id DESC
    LIMIT $3::bigint
) AS t
LEFT JOIN runbell.run_events AS f ON f.event_id = t.first_event_id
LEFT JOIN runbell.run_events AS l ON l.event_id = t.last_event_id
ORDER BY t.tick_id DESC
