-- Which troubles of sensors have to be told now, and to whom; this process has them until its claim runs out.
-- News is a trouble that was not there; that it is still there is told again after an interval. Forgets those that have
-- been gone for a while: one that comes and goes is told once.
-- $1 claim uuid
-- $2 notifiers text[]      the digests of those that this process has
-- $3 sensor_names text[]   of the troubles that there are
-- $4 kinds text[]
-- $5 hold_seconds float8   how long telling may take
-- $6 repeat_seconds float8
-- $7 calm_seconds float8
-- → sensor_name, kind, notifier, failures, told_before, error (of its newest evaluation that waits after a failure)
WITH troubled AS MATERIALIZED (
    SELECT t.sensor_name, t.kind
    FROM unnest($3::text[], $4::text[]) AS t (sensor_name, kind)
),
forgotten AS (
    DELETE FROM runbell.troubles AS t
    WHERE t.seen_at <= clock_timestamp() - make_interval(secs => $7::float8)
        AND NOT EXISTS (SELECT FROM troubled AS d WHERE d.sensor_name = t.sensor_name AND d.kind = t.kind)
),
seen AS (
    INSERT INTO runbell.troubles AS t (sensor_name, kind, notifier, claim, claimed_until)
    SELECT d.sensor_name, d.kind, n.notifier, $1::uuid, clock_timestamp() + make_interval(secs => $5::float8)
    FROM troubled AS d
    CROSS JOIN unnest($2::text[]) AS n (notifier)
    ORDER BY d.sensor_name, d.kind, n.notifier
    -- Asked of the row as it is once it is ours: another process may have been faster.
    ON CONFLICT (sensor_name, kind, notifier) DO UPDATE
    SET seen_at = clock_timestamp(),
        claim = CASE
            WHEN coalesce(t.claimed_until <= clock_timestamp(), true)
                AND coalesce(t.told_at + make_interval(secs => $6::float8) <= clock_timestamp(), true)
            THEN excluded.claim
            ELSE t.claim
        END,
        claimed_until = CASE
            WHEN coalesce(t.claimed_until <= clock_timestamp(), true)
                AND coalesce(t.told_at + make_interval(secs => $6::float8) <= clock_timestamp(), true)
            THEN excluded.claimed_until
            ELSE t.claimed_until
        END
    RETURNING t.sensor_name, t.kind, t.notifier, t.failures, t.told_at IS NOT NULL AS told_before, t.claim
)
SELECT s.sensor_name, s.kind, s.notifier, s.failures, s.told_before, right(l.error, 2000) AS error
FROM seen AS s
LEFT JOIN LATERAL (
    SELECT v.error
    FROM runbell.evaluations AS v
    WHERE s.kind = 'failing' AND v.sensor_name = s.sensor_name AND v.state = 'retry' AND v.error IS NOT NULL
    ORDER BY v.event_id DESC
    LIMIT 1
) AS l ON true
WHERE s.claim = $1::uuid
ORDER BY s.notifier, s.sensor_name, s.kind
