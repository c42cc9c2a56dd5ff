-- Removes dead letters for ever. What is no longer dead is left as it is. Of a sensor without any other, the next dead
-- letter is news again.
-- $1 evaluation_ids bigint[]
-- → evaluation_id
WITH dropped AS (
    DELETE FROM runbell.evaluations AS v
    WHERE v.evaluation_id = ANY ($1::bigint[]) AND v.state = 'dead'
    RETURNING v.evaluation_id, v.sensor_name
),
cleared AS (
    DELETE FROM runbell.notices AS n
    WHERE n.sensor_name IN (SELECT d.sensor_name FROM dropped AS d)
        AND NOT EXISTS (
            SELECT
            FROM runbell.evaluations AS v
            WHERE v.sensor_name = n.sensor_name
                AND v.state = 'dead'
                AND v.evaluation_id NOT IN (SELECT d.evaluation_id FROM dropped AS d)
        )
)
SELECT d.evaluation_id
FROM dropped AS d
ORDER BY d.evaluation_id
