-- What the source says now of a failed run: will it be retried?
-- $1 source   text
-- $2 run_id   text
-- $3 event_id bigint  of the failure
-- → tag, may_come (it is not there and may still be written), age_seconds (of the event)
SELECT t.tag, t.may_come, t.age_seconds
FROM runbell.read_retry_tag($1::text, $2::text, $3::bigint) AS t
