-- Recorded events in the order of their ids, page by page, as they are handed to a sensor.
-- $1 since    float8  recorded from this moment on (seconds since 1970), or null
-- $2 until    float8  recorded before this moment, or null
-- $3 run_id   text    of this run, or null
-- $4 statuses text[]  only these, or null
-- $5 after    bigint  after this id
-- $6 count    bigint  at most
-- → the fields of RunEvent in their order
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
    coalesce(
        (SELECT q.sensor_name FROM runbell.run_requests AS q WHERE q.run_id = e.run_id AND q.target = e.source LIMIT 1),
        (
            SELECT q.sensor_name
            FROM runbell.run_requests AS q
            WHERE q.request_id = CASE
                WHEN e.tags ->> 'runbell/request_id' ~ '^[0-9]{1,18}$' THEN (e.tags ->> 'runbell/request_id')::bigint
            END
        )
    ) AS requester,
    r.run_config::text AS run_config,
    extract(epoch FROM r.created_at)::float8 AS created_at,
    extract(epoch FROM r.started_at)::float8 AS started_at,
    extract(epoch FROM r.ended_at)::float8 AS ended_at
FROM runbell.run_events AS e
LEFT JOIN runbell.runs AS r ON r.source = e.source AND r.run_id = e.run_id
WHERE e.event_id > $5
    AND ($1::float8 IS NULL OR e.recorded_at >= to_timestamp($1::float8))
    AND ($2::float8 IS NULL OR e.recorded_at < to_timestamp($2::float8))
    AND ($3::text IS NULL OR e.run_id = $3::text)
    AND ($4::text[] IS NULL OR e.status = ANY ($4::text[]))
ORDER BY e.event_id
LIMIT $6
