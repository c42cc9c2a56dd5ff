-- The events of evaluations that wait in `evaluations`, with what those rows say.
-- $1 evaluation_ids bigint[]
-- → the fields of RunEvent in their order, then those of the row
SELECT
    e.event_id,
    e.xid::text::bigint AS xid,
    e.source,
    e.run_id,
    e.job_name,
    e.code_location,
    e.status,
    e.native_status,
    coalesce(e.partition_key, e.tags ->> 'dagster/partition') AS partition_key,
    e.tags::text AS tags,
    e.message,
    e.error::text AS error,
    extract(epoch FROM e.recorded_at)::float8 AS recorded_at,
    NULL::text AS requester,
    r.run_config::text AS run_config,
    extract(epoch FROM r.created_at)::float8 AS created_at,
    extract(epoch FROM r.started_at)::float8 AS started_at,
    extract(epoch FROM r.ended_at)::float8 AS ended_at,
    v.sensor_name,
    v.replay,
    v.attempts,
    -- Since the first call: what was only left running has not failed yet.
    CASE WHEN v.attempts > 0 THEN extract(epoch FROM clock_timestamp() - v.created_at) ELSE 0 END::float8 AS age
FROM runbell.evaluations AS v
LEFT JOIN runbell.run_events AS e ON e.event_id = v.event_id
LEFT JOIN runbell.runs AS r ON r.source = e.source AND r.run_id = e.run_id
WHERE v.evaluation_id = ANY ($1::bigint[])
ORDER BY v.event_id
