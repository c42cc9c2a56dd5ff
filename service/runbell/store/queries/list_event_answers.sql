-- The requests that answer these events, and the evaluations of them that wait or were given up.
-- Each sensor is asked about each event by the unique indexes that begin with its name; there is none by event.
-- $1 event_ids bigint[]
-- $2 row_limit bigint
-- → event_id, sensor_name, kind (request, evaluation), id (of that row), state, job_name, target, run_id, attempts, error
SELECT r.*
FROM unnest($1::bigint[]) AS k (event_id)
CROSS JOIN runbell.sensors AS s
CROSS JOIN LATERAL (
    SELECT
        q.event_id,
        q.sensor_name,
        'request' AS kind,
        q.request_id AS id,
        q.state,
        q.job_name,
        q.target,
        q.run_id,
        q.attempts,
        right(q.error, 2000) AS error
    FROM runbell.run_requests AS q
    WHERE q.sensor_name = s.sensor_name AND q.event_id = k.event_id
    UNION ALL
    SELECT v.event_id, v.sensor_name, 'evaluation', v.evaluation_id, v.state, NULL, NULL, NULL, v.attempts, right(v.error, 2000)
    FROM runbell.evaluations AS v
    WHERE v.sensor_name = s.sensor_name AND v.event_id = k.event_id
) AS r
ORDER BY r.event_id, r.sensor_name, r.kind DESC, r.id
LIMIT $2::bigint
