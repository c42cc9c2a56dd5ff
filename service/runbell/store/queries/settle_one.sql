-- Settles what has finished for one sensor whose place moves, and of which nothing stands or will stand in `evaluations`:
-- what nearly every commit of live events is. The same as settle.sql in this case, where the reasons stand; without its
-- arrays and joins it starts in less time (store/settling.py).
-- sensor:      $1 name text, $2 lease_epoch bigint, $3 position text, $4 upper text, $5 last_xid bigint,
--              $6 last_event_id bigint, the new place: $7 text, $8 text, $9 bigint, $10 bigint
--              its tick: $11 first_event_id bigint, $12 last_event_id bigint, $13 requested integer, $14 acted integer,
--              $15 skipped integer, $16 failed integer, $17 details text, $18 outcome text
-- requests:    $19 event_id bigint[], $20 ordinal integer[] (null: 0), $21 target text[], $22 job_name text[],
--              $23 code_location text[], $24 run_key text[], $25 partition_key text[], $26 asset_selection text[],
--              $27 run_config text[], $28 tags text[], $29 key_policy text[] (null: forever), $30 key_seconds float8[]
-- → a row for each request, with event_id and request_id, or one with nulls where there is none; none: not settled
WITH held AS (
    UPDATE runbell.sensors AS s
    SET position = $7::text::pg_snapshot,
        upper = $8::text::pg_snapshot,
        last_xid = $9::bigint::text::xid8,
        last_event_id = $10::bigint,
        last_outcome = $18::text,
        last_evaluated_at = clock_timestamp(),
        generation = s.generation + (s.page <> p.page)::integer,
        page = p.page
    FROM (
        SELECT n.ctid AS found_at, (n.ctid::text::point)[0]::bigint AS page
        FROM runbell.sensors AS n
        WHERE n.ctid = (
                SELECT m.ctid
                FROM runbell.sensors AS m
                WHERE m.sensor_name = $1::text
                ORDER BY m.generation DESC
                LIMIT 1
            )
            AND n.lease_epoch = $2::bigint
            AND n.position::text = $3::text
            AND n.upper::text IS NOT DISTINCT FROM $4::text
            AND n.last_xid::text::bigint IS NOT DISTINCT FROM $5::bigint
            AND n.last_event_id IS NOT DISTINCT FROM $6::bigint
        FOR UPDATE OF n SKIP LOCKED
    ) AS p
    WHERE s.ctid = p.found_at
    RETURNING s.sensor_name
),
ticked AS (
    INSERT INTO runbell.ticks (
        sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, details
    )
    SELECT
        h.sensor_name, $11::bigint, $12::bigint, $13::integer, $14::integer, $15::integer, $16::integer,
        $17::text::jsonb
    FROM held AS h
),
wanted AS MATERIALIZED (
    SELECT nextval('runbell.run_requests_request_id_seq') AS request_id, t.*
    FROM (
        SELECT
            h.sensor_name, u.event_id, coalesce(u.ordinal, 0) AS ordinal, u.target, u.job_name, u.code_location,
            u.run_key, u.partition_key, u.asset_selection, u.run_config, u.tags, u.key_policy, u.key_seconds, u.sequence
        FROM held AS h
        CROSS JOIN unnest(
            $19::bigint[], $20::integer[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[],
            $26::text[], $27::text[], $28::text[], $29::text[], $30::float8[]
        ) WITH ORDINALITY AS u (
            event_id, ordinal, target, job_name, code_location, run_key, partition_key, asset_selection, run_config,
            tags, key_policy, key_seconds, sequence
        )
    ) AS t
    -- Decided once.
    WHERE (
            SELECT q.request_id
            FROM runbell.run_requests AS q
            WHERE q.sensor_name = t.sensor_name AND q.event_id = t.event_id AND q.replay = 0
            LIMIT 1
        ) IS NULL
    ORDER BY t.sequence
),
keys AS (
    INSERT INTO runbell.run_keys AS k (sensor_name, run_key, request_id, policy, expires_at)
    SELECT DISTINCT ON (w.sensor_name, w.run_key)
        w.sensor_name, w.run_key, w.request_id, coalesce(w.key_policy, 'forever'),
        clock_timestamp() + make_interval(secs => w.key_seconds)
    FROM wanted AS w
    WHERE w.run_key IS NOT NULL
    ORDER BY w.sensor_name, w.run_key, w.sequence
    ON CONFLICT (sensor_name, run_key) DO UPDATE
    SET request_id = excluded.request_id,
        policy = excluded.policy,
        expires_at = excluded.expires_at
    WHERE (k.policy <> 'forever' OR k.expires_at IS NOT NULL)
        AND runbell.is_key_free(k.policy, k.expires_at, k.request_id)
    RETURNING k.request_id
),
made AS (
    INSERT INTO runbell.run_requests (
        request_id, sensor_name, event_id, replay, ordinal, target, job_name, code_location, run_key,
        partition_key, asset_selection, run_config, tags
    )
    OVERRIDING SYSTEM VALUE
    SELECT
        w.request_id, w.sensor_name, w.event_id, 0, w.ordinal, w.target, w.job_name, w.code_location, w.run_key,
        w.partition_key, w.asset_selection::jsonb, w.run_config::jsonb, w.tags::jsonb
    FROM wanted AS w
    WHERE w.run_key IS NULL
        OR w.request_id IN (SELECT k.request_id FROM keys AS k)
    ORDER BY w.request_id
    RETURNING request_id, event_id
)
SELECT
    m.event_id,
    m.request_id,
    -- Once, not for each row.
    (SELECT runbell.ring('runbell_requests') WHERE EXISTS (SELECT FROM made)) AS rung
FROM held AS h
LEFT JOIN made AS m ON true
