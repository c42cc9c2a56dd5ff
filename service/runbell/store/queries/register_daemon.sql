-- This process is live; the others share the leases anew.
-- $1 daemon_id uuid, $2 role text, $3 lock_key bigint (null: it holds no session lock), $4 module text,
-- $5 code_location text, $6 offer text, $7 hostname text, $8 pid integer
-- $9 arrival bigint  of before, when it had been registered already and was forgotten
-- → arrival, rung
WITH registered AS (
    INSERT INTO runbell.daemons AS d (
        daemon_id, role, lock_key, module, code_location, offer, hostname, pid, arrival
    )
    VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8,
        coalesce($9::bigint, nextval(pg_get_serial_sequence('runbell.daemons', 'arrival')))
    )
    ON CONFLICT (daemon_id) DO UPDATE
    SET role = excluded.role,
        lock_key = excluded.lock_key,
        beat = d.beat + 1,
        seen_at = clock_timestamp()
    RETURNING d.arrival
)
SELECT r.arrival, runbell.ring('runbell_leases') AS rung
FROM registered AS r
