-- Makes dead letters due now; their calls and their age count anew. What is no longer dead is left as it is. Daemons
-- look at once: what they hear on this channel makes them look for evaluations that are due, too.
-- Of a sensor without any other, the next dead letter is news again.
-- $1 evaluation_ids bigint[]
-- → evaluation_id
WITH retried AS (
    UPDATE runbell.evaluations AS v
    SET state = 'retry',
        attempts = 0,
        due_at = clock_timestamp(),
        created_at = clock_timestamp(),
        updated_at = clock_timestamp()
    WHERE v.evaluation_id = ANY ($1::bigint[]) AND v.state = 'dead'
    RETURNING v.evaluation_id, v.sensor_name
),
cleared AS (
    DELETE FROM runbell.notices AS n
    WHERE n.sensor_name IN (SELECT r.sensor_name FROM retried AS r)
        AND NOT EXISTS (
            SELECT
            FROM runbell.evaluations AS v
            WHERE v.sensor_name = n.sensor_name
                AND v.state = 'dead'
                AND v.evaluation_id NOT IN (SELECT r.evaluation_id FROM retried AS r)
        )
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_leases') AS rung WHERE EXISTS (SELECT FROM retried)
)
SELECT r.evaluation_id
FROM retried AS r
LEFT JOIN rung AS g ON true
ORDER BY r.evaluation_id
