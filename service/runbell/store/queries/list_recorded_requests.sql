-- What a sensor requested for these events when it was evaluated for them; without what replays requested.
-- $1 sensor_name text
-- $2 event_ids   bigint[]
-- → event_id, job_name, run_key, partition_key
SELECT q.event_id, q.job_name, q.run_key, q.partition_key
FROM runbell.run_requests AS q
WHERE q.sensor_name = $1 AND q.event_id = ANY ($2::bigint[]) AND q.replay = 0
ORDER BY q.event_id, q.ordinal
