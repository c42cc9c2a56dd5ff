-- The slow timer, in one statement: the heartbeat, the peers, leases that are not as this daemon believes, retries that
-- are due, delayed requests whose time has come.
-- $1 daemon_id    uuid
-- $2 sensor_names text[]   of its module
-- $3 epochs       bigint[] that it holds them under; 0: not held
-- $4 active       boolean[] what it believes of their state
-- → kind (peer, lease, due, rung); name: daemon_id or sensor_name; beat: the peer's; locked: its session lock is held
WITH beaten AS (
    UPDATE runbell.daemons
    SET beat = beat + 1,
        seen_at = clock_timestamp()
    WHERE daemon_id = $1
    RETURNING daemon_id
),
ripe AS MATERIALIZED (
    SELECT runbell.ring('runbell_requests') AS rung
    WHERE EXISTS (
        SELECT
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed')
            AND q.due_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()
    )
)
SELECT 'beat' AS kind, b.daemon_id::text AS name, NULL::bigint AS beat, NULL::boolean AS locked
FROM beaten AS b
UNION ALL
SELECT 'peer', d.daemon_id::text, d.beat, runbell.daemon_lives(d.lock_key)
FROM runbell.daemons AS d
WHERE d.daemon_id <> $1
UNION ALL
SELECT 'lease', s.sensor_name, NULL, NULL
FROM runbell.sensors AS s
JOIN unnest($2::text[], $3::bigint[], $4::boolean[]) AS t (sensor_name, lease_epoch, active)
    ON t.sensor_name = s.sensor_name
WHERE s.lease_epoch <> t.lease_epoch
    OR s.lease_holder IS DISTINCT FROM $1
    OR (s.state = 'running' OR s.state = 'declared' AND s.declared_active) <> t.active
UNION ALL
SELECT 'due', NULL, NULL, NULL
WHERE EXISTS (
    SELECT
    FROM runbell.evaluations AS v
    WHERE v.state = 'retry' AND v.due_at <= clock_timestamp() AND v.sensor_name = ANY ($2::text[])
)
UNION ALL
SELECT 'rung', NULL, NULL, NULL
FROM ripe
