-- What these sensors evaluated within the last minute, by what was committed: one row a tick.
-- $1 sensor_names text[]
-- $2 counts       bigint[]  so many ticks of each are enough: every one stands for an evaluation at least
-- $3 seconds      float8    how far back
-- → sensor_name, age (seconds), evaluations
SELECT
    t.sensor_name,
    extract(epoch FROM clock_timestamp() - k.settled_at)::float8 AS age,
    k.requested + k.acted + k.skipped + k.failed AS evaluations
FROM unnest($1::text[], $2::bigint[]) AS t (sensor_name, most)
CROSS JOIN LATERAL (
    SELECT n.settled_at, n.requested, n.acted, n.skipped, n.failed
    FROM runbell.ticks AS n
    -- By both columns of the index: asked for the newest alone, the planner looks through everybody's for a quiet sensor's.
    WHERE n.sensor_name >= t.sensor_name AND n.sensor_name <= t.sensor_name
    ORDER BY n.sensor_name DESC, n.tick_id DESC
    LIMIT t.most
) AS k
WHERE k.settled_at > clock_timestamp() - make_interval(secs => $3)
ORDER BY t.sensor_name, k.settled_at
