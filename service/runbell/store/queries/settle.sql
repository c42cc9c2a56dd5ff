-- Settles what has finished for many sensors, in one commit: requests, places, evaluations, ticks.
-- Takes effect for a sensor only if its epoch and its whole place still are what the evaluations started from. The lock
-- is part of the fence: one that only reads lets a stale settlement commit beside a take-over. A row that somebody else
-- has locked is skipped and stays for the next commit, so that it cannot hold up the others.
-- sensors:     $1 name text[], $2 lease_epoch bigint[], $3 position text[], $4 upper text[], $5 last_xid bigint[],
--              $6 last_event_id bigint[], the new place: $7 text[], $8 text[], $9 bigint[], $10 bigint[]
-- ticks:       $11 sensor text[], $12 first_event_id bigint[], $13 last_event_id bigint[], $14 requested integer[],
--              $15 acted integer[], $16 skipped integer[], $17 failed integer[], $18 details text[], $19 outcome text[]
-- new rows in evaluations: $20 sensor text[], $21 event_id bigint[], $22 state text[], $23 attempts integer[],
--              $24 due_in float8[], $25 error text[]
-- rows that have finished: $26 sensor text[], $27 event_id bigint[], $28 replay bigint[], $29 attempts integer[]
--              (before the call), $30 state text[] (done, retry, dead), $31 due_in float8[], $32 error text[]
-- requests:    $33 sensor text[], $34 event_id bigint[], $35 replay bigint[], $36 row boolean[] (of a row above),
--              $37 ordinal integer[], $38 target text[], $39 job_name text[], $40 code_location text[],
--              $41 run_key text[], $42 partition_key text[], $43 asset_selection text[], $44 run_config text[],
--              $45 tags text[]
-- → kind (sensor, row, request), sensor_name, event_id, replay, request_id
WITH proposed AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
        $7::text[], $8::text[], $9::bigint[], $10::bigint[]
    ) AS t (
        sensor_name, lease_epoch, position, upper, last_xid, last_event_id,
        new_position, new_upper, new_last_xid, new_last_event_id
    )
),
held AS MATERIALIZED (
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    JOIN proposed AS p ON p.sensor_name = s.sensor_name
    WHERE s.lease_epoch = p.lease_epoch
        AND s.position::text = p.position
        AND s.upper::text IS NOT DISTINCT FROM p.upper
        AND s.last_xid::text::bigint IS NOT DISTINCT FROM p.last_xid
        AND s.last_event_id IS NOT DISTINCT FROM p.last_event_id
    ORDER BY s.sensor_name
    FOR NO KEY UPDATE OF s SKIP LOCKED
),
finished_rows AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $26::text[], $27::bigint[], $28::bigint[], $29::integer[], $30::text[], $31::float8[], $32::text[]
    ) AS t (sensor_name, event_id, replay, attempts, state, due_in, error)
),
held_rows AS MATERIALIZED (
    SELECT v.evaluation_id, v.sensor_name, v.event_id, v.replay, f.state, f.due_in, f.error
    FROM runbell.evaluations AS v
    JOIN finished_rows AS f
        ON f.sensor_name = v.sensor_name AND f.event_id = v.event_id AND f.replay = v.replay
    JOIN held AS h ON h.sensor_name = v.sensor_name
    WHERE v.attempts = f.attempts AND v.state IN ('running', 'retry')
    ORDER BY v.sensor_name, v.event_id, v.replay
    FOR UPDATE OF v
),
ticked AS (
    INSERT INTO runbell.ticks (
        sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, details
    )
    SELECT
        t.sensor_name, t.first_event_id, t.last_event_id, t.requested, t.acted, t.skipped, t.failed, t.details::jsonb
    FROM unnest(
        $11::text[], $12::bigint[], $13::bigint[], $14::integer[], $15::integer[], $16::integer[], $17::integer[],
        $18::text[]
    ) AS t (sensor_name, first_event_id, last_event_id, requested, acted, skipped, failed, details)
    JOIN held AS h ON h.sensor_name = t.sensor_name
    ORDER BY t.sensor_name
),
moved AS (
    UPDATE runbell.sensors AS s
    SET position = p.new_position::pg_snapshot,
        upper = p.new_upper::pg_snapshot,
        last_xid = p.new_last_xid::text::xid8,
        last_event_id = p.new_last_event_id,
        last_outcome = coalesce(o.outcome, s.last_outcome),
        last_evaluated_at = CASE WHEN o.outcome IS NULL THEN s.last_evaluated_at ELSE clock_timestamp() END
    FROM proposed AS p
    JOIN held AS h ON h.sensor_name = p.sensor_name
    LEFT JOIN unnest($11::text[], $19::text[]) AS o (sensor_name, outcome) ON o.sensor_name = p.sensor_name
    WHERE s.sensor_name = p.sensor_name
),
kept AS (
    INSERT INTO runbell.evaluations AS v (sensor_name, event_id, state, attempts, due_at, error)
    SELECT
        t.sensor_name, t.event_id, t.state, t.attempts,
        clock_timestamp() + make_interval(secs => t.due_in), t.error
    FROM unnest(
        $20::text[], $21::bigint[], $22::text[], $23::integer[], $24::float8[], $25::text[]
    ) AS t (sensor_name, event_id, state, attempts, due_in, error)
    JOIN held AS h ON h.sensor_name = t.sensor_name
    ORDER BY t.sensor_name, t.event_id
    ON CONFLICT ON CONSTRAINT evaluations_once_per_event DO UPDATE
    SET state = excluded.state,
        attempts = excluded.attempts,
        due_at = excluded.due_at,
        error = excluded.error,
        updated_at = clock_timestamp()
),
removed AS (
    DELETE FROM runbell.evaluations AS v
    USING held_rows AS h
    WHERE v.evaluation_id = h.evaluation_id AND h.state = 'done'
),
rescheduled AS (
    UPDATE runbell.evaluations AS v
    SET state = h.state,
        attempts = v.attempts + 1,
        due_at = clock_timestamp() + make_interval(secs => h.due_in),
        error = h.error,
        updated_at = clock_timestamp()
    FROM held_rows AS h
    WHERE v.evaluation_id = h.evaluation_id AND h.state <> 'done'
),
wanted AS MATERIALIZED (
    SELECT nextval('runbell.run_requests_request_id_seq') AS request_id, t.*
    FROM unnest(
        $33::text[], $34::bigint[], $35::bigint[], $36::boolean[], $37::integer[], $38::text[], $39::text[],
        $40::text[], $41::text[], $42::text[], $43::text[], $44::text[], $45::text[]
    ) WITH ORDINALITY AS t (
        sensor_name, event_id, replay, of_row, ordinal, target, job_name,
        code_location, run_key, partition_key, asset_selection, run_config, tags, sequence
    )
    JOIN held AS h ON h.sensor_name = t.sensor_name
    WHERE (
            NOT t.of_row
            OR EXISTS (
                SELECT FROM held_rows AS r
                WHERE r.sensor_name = t.sensor_name AND r.event_id = t.event_id AND r.replay = t.replay
            )
        )
        -- Decided once: a repeated evaluation adds nothing to what the first one requested.
        AND NOT EXISTS (
            SELECT FROM runbell.run_requests AS q
            WHERE q.sensor_name = t.sensor_name AND q.event_id = t.event_id AND q.replay = t.replay
        )
    -- Volatile columns are computed after the sort: ids follow the order in which the runs were asked for.
    ORDER BY t.sequence
),
keys AS (
    INSERT INTO runbell.run_keys (sensor_name, run_key, request_id)
    SELECT w.sensor_name, w.run_key, w.request_id
    FROM wanted AS w
    WHERE w.run_key IS NOT NULL
    ORDER BY w.sensor_name, w.run_key, w.sequence
    ON CONFLICT DO NOTHING
    RETURNING request_id
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
    LEFT JOIN keys AS k ON k.request_id = w.request_id
    WHERE w.run_key IS NULL OR k.request_id IS NOT NULL
    ORDER BY w.request_id
    RETURNING request_id, sensor_name, event_id, replay
),
rung AS MATERIALIZED (
    SELECT runbell.ring('runbell_requests') AS rung WHERE EXISTS (SELECT FROM made)
)
SELECT 'sensor' AS kind, h.sensor_name, NULL::bigint AS event_id, NULL::bigint AS replay, NULL::bigint AS request_id
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
