-- Settles what has finished for many sensors, in one commit: requests, places, evaluations, ticks.
-- Takes effect for a sensor only if its epoch and its whole place still are what the evaluations started from. The lock
-- is part of the fence: one that only reads lets a stale settlement commit beside a take-over. A row that somebody else
-- has locked is skipped and stays for the next commit, so that it cannot hold up the others.
-- A sensor's row is looked for from the end of the index, where its newest version is: beside a transaction that stays open
-- every version is kept (5 ms after 60,000 commits, in place of 0.4). All else follows from the rows that have moved.
-- sensors:     $1 name text[], $2 lease_epoch bigint[], $3 position text[], $4 upper text[], $5 last_xid bigint[],
--              $6 last_event_id bigint[], the new place: $7 text[], $8 text[], $9 bigint[], $10 bigint[]
--              its tick: $11 first_event_id bigint[], $12 last_event_id bigint[], $13 requested integer[],
--              $14 acted integer[], $15 skipped integer[], $16 failed integer[], $17 details text[], $18 outcome text[];
--              null where only the place moves
-- new rows in evaluations: $19 sensor text[], $20 event_id bigint[], $21 state text[], $22 attempts integer[],
--              $23 due_in float8[], $24 error text[]
-- rows that have finished: $25 sensor text[], $26 event_id bigint[], $27 replay bigint[], $28 attempts integer[]
--              (before the call), $29 state text[] (done, retry, dead), $30 due_in float8[], $31 error text[]
-- requests:    $32 sensor text[], $33 event_id bigint[], $34 replay bigint[] (null: 0), $35 row boolean[] (of a row
--              above; null: no), $36 ordinal integer[] (null: 0), $37 target text[], $38 job_name text[],
--              $39 code_location text[], $40 run_key text[], $41 partition_key text[], $42 asset_selection text[], $43 run_config text[],
--              $44 tags text[], $45 key_policy text[] (null: forever),
--              $46 key_seconds float8[]
-- → kind (sensor, row, request), sensor_name, event_id, replay, request_id
WITH proposed AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
        $7::text[], $8::text[], $9::bigint[], $10::bigint[],
        $11::bigint[], $12::bigint[], $13::integer[], $14::integer[], $15::integer[], $16::integer[], $17::text[],
        $18::text[]
    ) AS t (
        sensor_name, lease_epoch, position, upper, last_xid, last_event_id,
        new_position, new_upper, new_last_xid, new_last_event_id,
        first_event_id, last_settled_id, requested, acted, skipped, failed, details, outcome
    )
),
locked AS MATERIALIZED (
    SELECT s.ctid AS found_at, (s.ctid::text::point)[0]::bigint AS page, p.*
    FROM proposed AS p
    -- In the order of the names. Not a join, which would read the whole table for its hash.
    CROSS JOIN LATERAL (
        SELECT n.ctid
        FROM runbell.sensors AS n
        WHERE n.ctid = (
                SELECT m.ctid
                FROM runbell.sensors AS m
                WHERE m.sensor_name = p.sensor_name
                ORDER BY m.generation DESC
                LIMIT 1
            )
            AND n.lease_epoch = p.lease_epoch
            AND n.position::text = p.position
            AND n.upper::text IS NOT DISTINCT FROM p.upper
            AND n.last_xid::text::bigint IS NOT DISTINCT FROM p.last_xid
            AND n.last_event_id IS NOT DISTINCT FROM p.last_event_id
        -- Not NO KEY: the generation is part of a key, and its change would wait for whoever has the key locked.
        FOR UPDATE OF n SKIP LOCKED
    ) AS s
),
held AS (
    UPDATE runbell.sensors AS s
    SET position = p.new_position::pg_snapshot,
        upper = p.new_upper::pg_snapshot,
        last_xid = p.new_last_xid::text::xid8,
        last_event_id = p.new_last_event_id,
        last_outcome = coalesce(p.outcome, s.last_outcome),
        last_evaluated_at = CASE WHEN p.outcome IS NULL THEN s.last_evaluated_at ELSE clock_timestamp() END,
        -- In another page than before it gets an entry in the index, where it is compared with those of its key: with
        -- none from other pages then (migrations, sensors_pkey).
        generation = s.generation + (s.page <> p.page)::integer,
        page = p.page
    FROM locked AS p
    WHERE s.ctid = p.found_at
    RETURNING
        s.sensor_name, p.first_event_id, p.last_settled_id, p.requested, p.acted, p.skipped, p.failed, p.details
),
-- The function is called only where there are rows: both conditions are known before the first row is looked for.
held_rows AS MATERIALIZED (
    SELECT r.sensor_name, r.event_id, r.replay
    FROM (SELECT array_agg(h.sensor_name) AS sensor_names FROM held AS h) AS n
    CROSS JOIN LATERAL runbell.settle_evaluations(
        n.sensor_names,
        $19::text[], $20::bigint[], $21::text[], $22::integer[], $23::float8[], $24::text[],
        $25::text[], $26::bigint[], $27::bigint[], $28::integer[], $29::text[], $30::float8[], $31::text[]
    ) AS r
    WHERE cardinality($19::text[]) > 0 OR cardinality($25::text[]) > 0
),
ticked AS (
    INSERT INTO runbell.ticks (
        sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, details
    )
    SELECT
        h.sensor_name, h.first_event_id, h.last_settled_id, h.requested, h.acted, h.skipped, h.failed,
        h.details::jsonb
    FROM held AS h
    WHERE h.first_event_id IS NOT NULL
    ORDER BY h.sensor_name
),
wanted AS MATERIALIZED (
    SELECT nextval('runbell.run_requests_request_id_seq') AS request_id, t.*
    FROM (
        SELECT
            u.sensor_name, u.event_id, coalesce(u.replay, 0) AS replay, coalesce(u.of_row, false) AS of_row,
            coalesce(u.ordinal, 0) AS ordinal, u.target, u.job_name, u.code_location, u.run_key, u.partition_key,
            u.asset_selection, u.run_config, u.tags, u.key_policy, u.key_seconds, u.sequence
        FROM unnest(
            $32::text[], $33::bigint[], $34::bigint[], $35::boolean[], $36::integer[], $37::text[], $38::text[],
            $39::text[], $40::text[], $41::text[], $42::text[], $43::text[], $44::text[],
            $45::text[], $46::float8[]
        ) WITH ORDINALITY AS u (
            sensor_name, event_id, replay, of_row, ordinal, target, job_name,
            code_location, run_key, partition_key, asset_selection, run_config, tags,
            key_policy, key_seconds, sequence
        )
    ) AS t
    JOIN held AS h ON h.sensor_name = t.sensor_name
    WHERE (
            NOT t.of_row
            OR EXISTS (
                SELECT FROM held_rows AS r
                WHERE r.sensor_name = t.sensor_name AND r.event_id = t.event_id AND r.replay = t.replay
            )
        )
        -- Decided once: a repeated evaluation adds nothing to what the first one requested. Not NOT EXISTS, which is a
        -- join: planned while the table was small it reads all of it, for each commit until it is analyzed again.
        AND (
            SELECT q.request_id
            FROM runbell.run_requests AS q
            WHERE q.sensor_name = t.sensor_name AND q.event_id = t.event_id AND q.replay = t.replay
            LIMIT 1
        ) IS NULL
    -- Volatile columns are computed after the sort: ids follow the order in which the runs were asked for.
    ORDER BY t.sequence
),
-- A key that is taken is had all the same when it is free again by now. The first request of each gets it.
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
        w.request_id, w.sensor_name, w.event_id, w.replay, w.ordinal, w.target, w.job_name, w.code_location, w.run_key,
        w.partition_key, w.asset_selection::jsonb, w.run_config::jsonb, w.tags::jsonb
    FROM wanted AS w
    -- Hashed, as a join is not when the planner takes a few rows for granted: a thousand keys took 35 ms more.
    WHERE w.run_key IS NULL
        OR w.request_id IN (SELECT k.request_id FROM keys AS k)
    ORDER BY w.request_id
    RETURNING request_id, sensor_name, event_id, replay
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_requests') AS rung WHERE EXISTS (SELECT FROM made)
)
SELECT
    'sensor' AS kind, h.sensor_name, NULL::bigint AS event_id, NULL::bigint AS replay, NULL::bigint AS request_id
FROM held AS h
UNION ALL
SELECT 'row', r.sensor_name, r.event_id, r.replay, NULL
FROM held_rows AS r
UNION ALL
SELECT 'request', m.sensor_name, m.event_id, m.replay, m.request_id
FROM made AS m
UNION ALL
SELECT 'rung', NULL, NULL, NULL, NULL
FROM rung
