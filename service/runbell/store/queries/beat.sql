-- The slow timer, in one statement: the heartbeat, the peers, leases that are not as this daemon believes, leases that it
-- may take, sensors whose deployment has nobody any more, retries that are due, delayed requests whose time has come.
-- $1 daemon_id    uuid
-- $2 sensor_names text[]    that it offers
-- $3 epochs       bigint[]  that it holds them under; 0: not held
-- $4 active       boolean[] what it believes of their state
-- $5 hashes       bigint[]  of their filters
-- $6 apart        boolean   it evaluates sensors that are kept apart, and no others
-- → kind (beat, peer, lost, stray, free, apart, undeployed, due, rung); name: daemon_id or sensor_name; of a peer: its arrival,
--   beat, age in seconds, locked (its session lock is held), lock_key, sharing (it shares this daemon's sensors)
WITH beaten AS (
    UPDATE runbell.daemons
    SET beat = beat + 1,
        seen_at = clock_timestamp()
    WHERE daemon_id = $1
    RETURNING daemon_id, arrival, module, code_location, offer
),
ripe AS MATERIALIZED (
    SELECT runbell.ring('runbell_requests') AS rung
    WHERE EXISTS (
        SELECT
        FROM runbell.run_requests AS q
        WHERE q.state IN ('pending', 'claimed')
            AND q.due_at BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp()
    )
),
offered AS MATERIALIZED (
    SELECT
        t.sensor_name,
        t.lease_epoch > 0 AS believed,
        s.lease_holder IS NOT DISTINCT FROM $1
            AND s.lease_epoch = t.lease_epoch
            AND s.apart = $6::boolean
            AND (s.state = 'running' OR s.state = 'declared' AND s.declared_active) = t.active AS held,
        s.lease_holder = $1 AND t.lease_epoch = 0 AS stray,
        s.apart,
        s.lease_holder IS NULL
            OR s.lease_holder = $1
            OR NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.lease_holder) AS free,
        s.filter_hash = t.filter_hash AS in_force,
        s.sensor_name IS NULL
            OR NOT EXISTS (SELECT FROM runbell.daemons AS d WHERE d.daemon_id = s.deployed_by) AS undeployed
    FROM unnest($2::text[], $3::bigint[], $4::boolean[], $5::bigint[])
        AS t (sensor_name, lease_epoch, active, filter_hash)
    -- Their newest versions, from the end of the index (settle): a ring waits for what its session is doing, and this took
    -- 142 ms where it passed the 900,000 that an open transaction kept.
    LEFT JOIN LATERAL (
        SELECT n.*
        FROM runbell.sensors AS n
        WHERE n.sensor_name = t.sensor_name
        ORDER BY n.generation DESC
        LIMIT 1
    ) AS s ON true
)
SELECT
    'beat' AS kind, NULL::text AS name, b.arrival, NULL::bigint AS beat, NULL::double precision AS age,
    NULL::boolean AS locked, NULL::bigint AS lock_key, NULL::boolean AS sharing
FROM beaten AS b
UNION ALL
SELECT
    'peer', d.daemon_id::text, d.arrival, d.beat,
    extract(EPOCH FROM clock_timestamp() - d.seen_at)::double precision,
    CASE WHEN d.lock_key IS NOT NULL THEN runbell.daemon_lives(d.lock_key) END,
    d.lock_key,
    d.role = 'active'
        AND d.module = b.module
        AND d.code_location IS NOT DISTINCT FROM b.code_location
        AND d.offer = b.offer
FROM runbell.daemons AS d
CROSS JOIN beaten AS b
WHERE d.daemon_id <> $1
UNION ALL
SELECT 'lost', o.sensor_name, NULL, NULL, NULL, NULL, NULL, NULL
FROM offered AS o
WHERE o.believed AND o.held IS NOT TRUE
UNION ALL
SELECT 'stray', o.sensor_name, NULL, NULL, NULL, NULL, NULL, NULL
FROM offered AS o
WHERE o.stray
UNION ALL
SELECT 'free', NULL, NULL, NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (
    SELECT FROM offered AS o
    WHERE o.free AND o.in_force AND o.apart = $6::boolean AND NOT (o.believed AND o.held)
)
UNION ALL
SELECT 'apart', o.sensor_name, NULL, NULL, NULL, o.free AND o.in_force, NULL, NULL
FROM offered AS o
WHERE o.apart
UNION ALL
SELECT 'undeployed', NULL, NULL, NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (SELECT FROM offered AS o WHERE o.undeployed)
UNION ALL
SELECT 'due', NULL, NULL, NULL, NULL, NULL, NULL, NULL
WHERE EXISTS (
    SELECT
    FROM runbell.evaluations AS v
    WHERE v.state = 'retry' AND v.due_at <= clock_timestamp() AND v.sensor_name = ANY ($2::text[])
)
UNION ALL
SELECT 'rung', NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM ripe
