-- How the newest tick of a sensor over an event ended for it: its outcome, or those that the tick has; reason or error.
-- $1 sensor_names text[]
-- $2 event_ids    bigint[]  of each sensor one
-- → sensor_name, event_id, outcome, said
SELECT
    k.sensor_name,
    k.event_id,
    coalesce(
        d.detail ->> 'outcome',
        concat_ws(
            ' or ',
            CASE WHEN t.requested > 0 THEN 'requested' END, CASE WHEN t.acted > 0 THEN 'acted' END,
            CASE WHEN t.skipped > 0 THEN 'skipped' END, CASE WHEN t.failed > 0 THEN 'failed' END
        )
    ) AS outcome,
    d.detail ->> 'said' AS said
FROM unnest($1::text[], $2::bigint[]) AS k (sensor_name, event_id)
CROSS JOIN LATERAL (
    SELECT t.requested, t.acted, t.skipped, t.failed, t.details
    FROM runbell.ticks AS t
    WHERE t.sensor_name = k.sensor_name AND k.event_id BETWEEN t.first_event_id AND t.last_event_id
    ORDER BY t.tick_id DESC
    LIMIT 1
) AS t
LEFT JOIN LATERAL (
    -- Whatever stands there, put in by hand.
    SELECT one AS detail
    FROM jsonb_array_elements(CASE jsonb_typeof(t.details) WHEN 'array' THEN t.details ELSE '[]' END) AS one
    WHERE one ->> 'event_id' = k.event_id::text
    LIMIT 1
) AS d ON true
