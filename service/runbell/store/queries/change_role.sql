-- What this process does from here on; the others share the leases anew.
-- $1 daemon_id uuid
-- $2 role      text
WITH changed AS (
    UPDATE runbell.daemons
    SET role = $2
    WHERE daemon_id = $1
    RETURNING daemon_id
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM changed)
