-- The runs of a source that a sensor asks for.
-- $1 source text
-- $2 run_ids text[]  null: any, as in all that follows
-- $3 job_name text
-- $4 statuses text[]
-- $5 tags jsonb  key to list of values, of which the run has one
-- $6 updated_after float8  seconds since 1970, as in the next three
-- $7 updated_before float8
-- $8 created_after float8
-- $9 created_before float8
-- $10 before text  a run id: only runs behind it, in order of creation
-- $11 order text  update_timestamp, start_time, end_time, or empty for creation
-- $12 ascending boolean
-- $13 most integer
SELECT
    o.run_id,
    o.source,
    o.job_name,
    o.code_location,
    o.status,
    o.partition_key,
    o.tags::text AS tags,
    o.run_config::text AS run_config,
    extract(epoch FROM o.created_at)::float8 AS created_at,
    extract(epoch FROM o.started_at)::float8 AS started_at,
    extract(epoch FROM o.ended_at)::float8 AS ended_at,
    extract(epoch FROM o.updated_at)::float8 AS updated_at
FROM (
    SELECT
        r.*,
        CASE $11::text
            WHEN 'update_timestamp' THEN r.updated_at
            WHEN 'start_time' THEN r.started_at
            WHEN 'end_time' THEN r.ended_at
            ELSE r.created_at
        END AS moment
    FROM (
        -- A branch for each: planned once for all arguments, an OR would read all runs of the source for a single one.
        SELECT a.*
        FROM runbell.runs AS a
        WHERE $2::text[] IS NULL AND a.source = $1::text
        UNION ALL
        SELECT g.*
        FROM runbell.runs AS g
        WHERE g.source = $1::text AND g.run_id = ANY ($2::text[])
    ) AS r
    WHERE ($3::text IS NULL OR r.job_name = $3::text)
        AND ($4::text[] IS NULL OR r.status = ANY ($4::text[]))
        AND ($6::float8 IS NULL OR r.updated_at > to_timestamp($6::float8))
        AND ($7::float8 IS NULL OR r.updated_at < to_timestamp($7::float8))
        AND ($8::float8 IS NULL OR r.created_at > to_timestamp($8::float8))
        AND ($9::float8 IS NULL OR r.created_at < to_timestamp($9::float8))
        AND (
            $10::text IS NULL
            OR EXISTS (
                SELECT FROM runbell.runs AS c
                WHERE c.source = r.source AND c.run_id = $10::text
                    AND CASE
                        WHEN $12::boolean THEN (r.created_at, r.run_id) > (c.created_at, c.run_id)
                        ELSE (r.created_at, r.run_id) < (c.created_at, c.run_id)
                    END
            )
        )
        AND NOT EXISTS (
            SELECT FROM jsonb_each($5::jsonb) AS t
            WHERE NOT coalesce(
                t.value ? CASE
                    WHEN t.key = 'dagster/partition' THEN coalesce(r.partition_key, r.tags ->> t.key)
                    ELSE r.tags ->> t.key
                END,
                false
            )
        )
) AS o
ORDER BY
    CASE WHEN $12::boolean THEN o.moment END ASC NULLS LAST,
    CASE WHEN NOT $12::boolean THEN o.moment END DESC NULLS LAST,
    CASE WHEN $12::boolean THEN o.run_id END ASC,
    CASE WHEN NOT $12::boolean THEN o.run_id END DESC
LIMIT $13::integer
