-- This process is live.
-- $1 daemon_id uuid, $2 lock_key bigint, $3 module text, $4 code_location text, $5 hostname text, $6 pid integer
INSERT INTO runbell.daemons (daemon_id, lock_key, module, code_location, hostname, pid)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (daemon_id) DO UPDATE
SET beat = runbell.daemons.beat + 1,
    seen_at = clock_timestamp()
