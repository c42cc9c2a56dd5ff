-- Writes down what came of sending an alert: it was sent, or the next evaluation may try. What was sent counts also when
-- the claim was lost meanwhile. Forgets what was last sent or tried long ago, of this sensor.
-- $1 sensor_name text
-- $2 alert_key text
-- $3 evaluation text
-- $4 sent boolean
-- $5 keep_seconds float8
WITH forgotten AS (
    DELETE FROM runbell.alerts AS a
    WHERE a.sensor_name = $1::text
        AND a.alert_key <> $2::text
        AND greatest(a.sent_at, a.claimed_until) < now() - make_interval(secs => $5::float8)
)
UPDATE runbell.alerts AS a
SET claimed_by = CASE WHEN a.claimed_by = $3::text THEN NULL ELSE a.claimed_by END,
    sent_by = CASE WHEN $4::boolean THEN $3::text ELSE a.sent_by END,
    sent_at = CASE WHEN $4::boolean THEN clock_timestamp() ELSE a.sent_at END,
    muted = CASE WHEN $4::boolean THEN 0 ELSE a.muted END
WHERE a.sensor_name = $1::text AND a.alert_key = $2::text AND ($4::boolean OR a.claimed_by = $3::text)
