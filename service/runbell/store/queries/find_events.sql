-- Recorded events in the order of their ids, by what filters look at, page by page.
-- $1 since     float8  recorded from this moment on (seconds since 1970), or null
-- $2 until     float8  recorded before this moment, or null
-- $3 event_ids bigint[] only these, or null
-- $4 statuses  text[]  only these
-- $5 after     bigint  after this id
-- $6 count     bigint  at most
-- → event_id, status, job_name, code_location, requester, partition_key, tags
SELECT
    e.event_id,
    e.status,
    e.job_name,
    e.code_location,
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
    coalesce(e.partition_key, e.tags ->> 'dagster/partition') AS partition_key,
    e.tags::text AS tags
FROM runbell.run_events AS e
WHERE e.event_id > $5
    AND ($1::float8 IS NULL OR e.recorded_at >= to_timestamp($1::float8))
    AND ($2::float8 IS NULL OR e.recorded_at < to_timestamp($2::float8))
    AND ($3::bigint[] IS NULL OR e.event_id = ANY ($3::bigint[]))
    AND e.status = ANY ($4::text[])
ORDER BY e.event_id
LIMIT $6
