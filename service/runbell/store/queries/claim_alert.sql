-- Asks to send an alert: one evaluation at a time may, and none while one of the same key was sent within the window.
-- What is muted by that is counted. An evaluation that is called again finds its own claim.
-- $1 sensor_name text
-- $2 alert_key text
-- $3 evaluation text        the same for all calls of one evaluation
-- $4 window_seconds float8
-- $5 hold_seconds float8    how long sending may take
-- → state (granted; muted; sent: by this evaluation; busy: another is sending), muted, seconds (since it was sent, or
--   until the other's claim ends)
INSERT INTO runbell.alerts AS a (sensor_name, alert_key, claimed_by, claimed_until)
VALUES ($1::text, $2::text, $3::text, now() + make_interval(secs => $5::float8))
ON CONFLICT (sensor_name, alert_key) DO UPDATE
-- A row that seems to come from the future was written before the clock was set back: it mutes nobody.
SET claimed_by = CASE
        WHEN coalesce(
                a.sent_at NOT BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute',
                true
            )
            AND (a.claimed_until <= now() OR a.claimed_by IS NULL)
        THEN excluded.claimed_by
        ELSE a.claimed_by
    END,
    claimed_until = CASE
        WHEN coalesce(
                a.sent_at NOT BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute',
                true
            )
            AND (a.claimed_until <= now() OR a.claimed_by IS NULL OR a.claimed_by = excluded.claimed_by)
        THEN excluded.claimed_until
        ELSE a.claimed_until
    END,
    muted = CASE
        WHEN a.sent_at BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute'
            AND $3::text IS DISTINCT FROM a.sent_by
            AND $3::text IS DISTINCT FROM a.muted_by
        THEN a.muted + 1
        ELSE a.muted
    END,
    muted_by = CASE
        WHEN a.sent_at BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute'
        THEN $3::text
        ELSE a.muted_by
    END
RETURNING
    CASE
        WHEN a.sent_at BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute'
        THEN CASE WHEN a.sent_by = $3::text THEN 'sent' ELSE 'muted' END
        WHEN a.claimed_by = $3::text THEN 'granted'
        ELSE 'busy'
    END AS state,
    a.muted,
    CASE
        WHEN a.sent_at BETWEEN now() - make_interval(secs => $4::float8) AND now() + interval '1 minute'
        THEN extract(epoch FROM greatest(now() - a.sent_at, interval '0'))
        ELSE extract(epoch FROM a.claimed_until - now())
    END::float8 AS seconds
