-- A page of run requests, the newest first, by one of four ways in so that each has an index to go by.
-- $1 wanted text       any, open (pending or claimed), ended (failed or canceled), or launched
-- $2 sensor_name text  of this sensor's newest ones; null: of all
-- $3 before bigint     request_id; null: from the newest on
-- $4 row_limit bigint
-- $5 scanned bigint    so many requests of the sensor are looked at
WITH RECURSIVE targets AS (
    (
        SELECT q.target
        FROM runbell.run_requests AS q
        WHERE $2::text IS NULL AND $1::text = 'open' AND q.state IN ('pending', 'claimed')
        ORDER BY q.target
        LIMIT 1
    )
    UNION ALL
    SELECT n.target
    FROM targets AS t
    CROSS JOIN LATERAL (
        SELECT q.target
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed') AND q.target > t.target
        ORDER BY q.target
        LIMIT 1
    ) AS n
),
found AS (
    (
        SELECT q.*
        FROM runbell.run_requests AS q
        WHERE $2::text IS NULL
            -- Of the argument alone, so that nothing is walked through for another one.
            AND $1::text IN ('any', 'launched')
            AND ($1::text = 'any' OR q.state = 'launched')
            AND q.request_id < coalesce($3::bigint, 9223372036854775807)
        ORDER BY q.request_id DESC
        LIMIT $4::bigint
    )
    UNION ALL
    (
        SELECT o.*
        FROM targets AS t
        CROSS JOIN LATERAL (
            SELECT q.*
            FROM runbell.run_requests AS q
            -- As a range: of a single target the planner may look for the last among everybody's.
            WHERE (q.target, q.request_id) < (t.target, coalesce($3::bigint, 9223372036854775807))
                AND q.target >= t.target
                AND q.state IN ('pending', 'claimed')
            ORDER BY q.target DESC, q.request_id DESC
            LIMIT $4::bigint
        ) AS o
        ORDER BY o.request_id DESC
        LIMIT $4::bigint
    )
    UNION ALL
    (
        SELECT q.*
        FROM runbell.run_requests AS q
        WHERE $2::text IS NULL
            AND $1::text = 'ended'
            AND q.state IN ('failed', 'canceled')
            AND q.request_id < coalesce($3::bigint, 9223372036854775807)
        ORDER BY q.request_id DESC
        LIMIT $4::bigint
    )
    UNION ALL
    (
        SELECT q.*
        FROM (
            SELECT n.*
            FROM runbell.run_requests AS n
            WHERE n.sensor_name = $2::text
            ORDER BY n.event_id DESC
            LIMIT $5::bigint
        ) AS q
        WHERE q.request_id < coalesce($3::bigint, 9223372036854775807)
            AND CASE $1::text
                WHEN 'open' THEN q.state IN ('pending', 'claimed')
                WHEN 'ended' THEN q.state IN ('failed', 'canceled')
                WHEN 'launched' THEN q.state = 'launched'
                ELSE true
            END
        ORDER BY q.request_id DESC
        LIMIT $4::bigint
    )
)
SELECT
    q.request_id,
    q.sensor_name,
    q.event_id,
    q.target,
    q.job_name,
    q.run_key,
    q.partition_key,
    q.state,
    q.run_id,
    q.claimed_by,
    q.attempts,
    right(q.error, 2000) AS error,
    to_json(q.requested_at) #>> '{}' AS requested_at,
    to_json(q.launched_at) #>> '{}' AS launched_at
FROM found AS q
ORDER BY q.request_id DESC
