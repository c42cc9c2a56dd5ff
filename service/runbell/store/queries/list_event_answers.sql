-- What is recorded of these sensors' answers to these events: requests, evaluations that wait or were given up, and the
-- newest tick that covers the event.
-- $1 sensor_names text[]
-- $2 event_ids    bigint[]
-- → kind (request, evaluation, tick), sensor_name, event_id, id (of the request, evaluation, tick), state (of a tick: the
--   outcomes that it has), said (error; of a tick the reason or error of this event), attempts, job_name, target, run_id
SELECT
    'request' AS kind, q.sensor_name, q.event_id, q.request_id AS id, q.state, q.error AS said, q.attempts,
    q.job_name, q.target, q.run_id
FROM unnest($1::text[]) AS s (sensor_name)
CROSS JOIN unnest($2::bigint[]) AS e (event_id)
JOIN runbell.run_requests AS q ON q.sensor_name = s.sensor_name AND q.event_id = e.event_id
UNION ALL
SELECT
    'evaluation', v.sensor_name, v.event_id, v.evaluation_id, v.state, v.error, v.attempts, NULL, NULL, NULL
FROM unnest($1::text[]) AS s (sensor_name)
CROSS JOIN unnest($2::bigint[]) AS e (event_id)
JOIN runbell.evaluations AS v ON v.sensor_name = s.sensor_name AND v.event_id = e.event_id
UNION ALL
SELECT
    'tick', s.sensor_name, e.event_id, t.tick_id,
    coalesce(
        (
            SELECT d ->> 'outcome' FROM jsonb_array_elements(t.details) AS d
            WHERE (d ->> 'event_id')::bigint = e.event_id
            LIMIT 1
        ),
        concat_ws(
            ' or ',
            CASE WHEN t.requested > 0 THEN 'requested' END, CASE WHEN t.acted > 0 THEN 'acted' END,
            CASE WHEN t.skipped > 0 THEN 'skipped' END, CASE WHEN t.failed > 0 THEN 'failed' END
        )
    ),
    (
        SELECT d ->> 'said' FROM jsonb_array_elements(t.details) AS d
        WHERE (d ->> 'event_id')::bigint = e.event_id
        LIMIT 1
    ),
    NULL, NULL, NULL, NULL
FROM unnest($1::text[]) AS s (sensor_name)
CROSS JOIN unnest($2::bigint[]) AS e (event_id)
CROSS JOIN LATERAL (
    SELECT k.tick_id, k.requested, k.acted, k.skipped, k.failed, k.details
    FROM runbell.ticks AS k
    WHERE k.sensor_name = s.sensor_name AND e.event_id BETWEEN k.first_event_id AND k.last_event_id
    ORDER BY k.tick_id DESC
    LIMIT 1
) AS t
ORDER BY kind, sensor_name, event_id, id
